import type { Terminal } from "./command-frame.ts";

/** Control sequences of ECMA-48, and the alternate screen of xterm, which every terminal of today has. */
const enter = "\u001b[?1049h\u001b[?25l";
const leave = "\u001b[?25h\u001b[?1049l";
const home = "\u001b[H";
const clearToEndOfLine = "\u001b[K";
const clearBelow = "\u001b[J";

/** One page drawn again and again on a screen of its own; `close` gives the terminal back as it was. */
export class TerminalPage {
  readonly #terminal: Terminal;
  #isOpen = false;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** Lines are cut at the terminal's width, and those that do not fit below are counted. */
  draw(lines: readonly string[]): void {
    const { columns, rows } = this.#terminal.size();
    const fitting = lines.length <= rows ? lines : lines.slice(0, Math.max(rows - 1, 0));
    const rest = lines.length - fitting.length;
    const shown = rest === 0 ? fitting : [...fitting, `… ${rest} more lines`];
    const text = shown.map((line) => cut(line, columns) + clearToEndOfLine).join("\r\n");
    this.#terminal.write(`${this.#isOpen ? "" : enter}${home}${text}${clearBelow}`);
    this.#isOpen = true;
  }

  close(): void {
    if (this.#isOpen) this.#terminal.write(leave);
    this.#isOpen = false;
  }
}

const cut = (line: string, columns: number): string =>
  line.length <= columns ? line : `${line.slice(0, Math.max(columns - 1, 0))}…`;
