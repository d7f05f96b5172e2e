/** Tells a person what the demo is at: a line when a step ends, with what it found and how long it took. */
export class Progress {
  readonly #say: (line: string) => void;
  readonly #steps: { name: string; seconds: number }[] = [];
  readonly #startedAt = performance.now();

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  /** Runs one step; its text result stands behind its name. A failing step is told and thrown on. */
  async step<T extends { readonly found: string }>(name: string, work: () => Promise<T>): Promise<T> {
    const startedAt = performance.now();
    const number = this.#steps.length + 1;
    this.#say(`  ${number}. ${name} …`);
    try {
      const result = await work();
      const seconds = (performance.now() - startedAt) / 1000;
      this.#steps.push({ name, seconds: rounded(seconds) });
      this.#say(`     ✓ ${seconds.toFixed(1).padStart(4)} s  ${result.found}`);
      return result;
    } catch (thrown) {
      this.#say(`     ✗ ${name}`); // why is said once, at the end
      throw thrown;
    }
  }

  /** A remark within a step. */
  note(text: string): void {
    this.#say(`     · ${text}`);
  }

  get steps(): readonly { readonly name: string; readonly seconds: number }[] {
    return this.#steps;
  }

  get secondsTotal(): number {
    return rounded((performance.now() - this.#startedAt) / 1000);
  }
}

const rounded = (seconds: number): number => Math.round(seconds * 100) / 100;
