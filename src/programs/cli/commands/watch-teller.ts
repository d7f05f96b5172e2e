import type { Fault } from "../../../foundation/fault.ts";
import type { CommandContext } from "../command-frame.ts";
import { TerminalPage } from "../terminal-page.ts";
import { printable, textMoment } from "../text-table.ts";
import { lineOf, pageOf } from "./watch-text.ts";
import { markOf, type RotationStatus, Watching, type WatchView } from "./watch-view.ts";

/** Tells of changes, each in the form that whoever reads it wants: a page, a line, or a JSON object. */
export class WatchTeller {
  readonly #context: CommandContext;
  readonly #page: TerminalPage | undefined;
  readonly #watching = new Watching();
  #mark = "";
  /** What was said when the server ceased to answer; "" while it does. */
  #away = "";
  last: WatchView | undefined;

  constructor(context: CommandContext) {
    this.#context = context;
    this.#page = context.terminal && new TerminalPage(context.terminal);
  }

  saw(status: RotationStatus): void {
    if (this.#away !== "") {
      this.#tell("the server answers again", { server: "back" });
      this.#mark = ""; // how it stands after the gap is news, even if nothing happened
    }
    this.#away = "";
    const view = this.#watching.look(status, Date.now());
    this.last = view;
    const mark = markOf(view);
    if (this.#page) this.#page.draw(pageOf(view));
    else if (mark !== this.#mark) this.#context.answer({ text: lineOf(view), json: jsonOf(view) });
    this.#mark = mark;
  }

  away({ message }: Fault): void {
    this.#watching.forget();
    const isNews = this.#away === "";
    if (isNews) this.#away = `no answer: ${printable(message)}; asking again`;
    if (isNews) this.#tell(this.#away, { server: "away", why: message });
    this.#page?.draw([
      `NO ANSWER    ${printable(message)}; asking again. What was seen last:`,
      ...this.#seen(),
    ]);
  }

  close(): void {
    this.#page?.close();
  }

  #seen(): string[] {
    return this.last === undefined ? [] : ["", ...pageOf(this.last)];
  }

  #tell(text: string, json: object): void {
    if (this.#page) return;
    const at = new Date();
    this.#context.answer({
      text: `${textMoment(at.getTime())}  ${text}`,
      json: { at: at.toISOString(), ...json },
    });
  }
}

/** The first so many whom a rotation waits for; `laggardsTotal` counts all. */
const mostInJson = 50;

const jsonOf = ({ atMs, status, waitsFor, pace, end }: WatchView) => ({
  at: new Date(atMs).toISOString(),
  rotation: { ...status, laggards: status.laggards.slice(0, mostInJson) },
  waitsFor,
  pace: pace ?? null,
  end: end ?? null,
});
