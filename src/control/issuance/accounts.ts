import { ComeBack } from "../../domain/policy/come-back.ts";
import { gcra, type Rate } from "../../domain/policy/gcra.ts";

export type LimitedAccount = { readonly name: string; readonly refusals: number };

const mostLimited = 1024;
const forgottenAfterMs = 600_000;

type Limited = { refusals: number; lastMs: number; readonly comeBack: ComeBack };

/**
 * One cell rate account for each name. Accounts that are level are forgotten, so memory follows who is active and not who ever was;
 * of those that were refused the last thousand are remembered for ten minutes.
 */
export class Accounts {
  readonly rate: Rate;
  readonly #due = new Map<string, number>();
  readonly #limited = new Map<string, Limited>();
  #sweepAt = 4096;

  constructor(rate: Rate) {
    this.rate = rate;
  }

  /** Whether there is room for one: the moment at which the account would be level after it; undefined for none. Charges nothing. */
  ask(name: string, nowMs: number): number | undefined {
    const verdict = gcra(this.#due.get(name), nowMs, this.rate);
    return verdict.ok ? verdict.due : undefined;
  }

  charge(name: string, due: number, nowMs: number): void {
    this.#due.set(name, due);
    if (this.#due.size < this.#sweepAt) return;
    for (const [other, moment] of this.#due) if (moment <= nowMs) this.#due.delete(other);
    this.#sweepAt = Math.max(4096, this.#due.size * 2);
  }

  /** Gives back what was charged for one. */
  refund(name: string): void {
    const due = this.#due.get(name);
    if (due !== undefined) this.#due.set(name, due - this.rate.intervalMs);
  }

  /** Notes a refusal. In how many milliseconds to come again: the next one refused later, by as much as the rate allows one in. */
  turnAway(name: string, nowMs: number): number {
    const verdict = gcra(this.#due.get(name), nowMs, this.rate);
    const known = this.#limited.get(name);
    const limited = known ?? { refusals: 0, lastMs: nowMs, comeBack: new ComeBack() };
    limited.refusals += 1;
    limited.lastMs = nowMs;
    if (known === undefined) this.#remember(name, limited);
    return limited.comeBack.inMs(verdict.ok ? 0 : verdict.retryAfterMs, this.rate.intervalMs, nowMs);
  }

  /** Who was refused most often of those refused in the last ten minutes. */
  mostLimited(count: number, nowMs: number): readonly LimitedAccount[] {
    return [...this.#limited]
      .filter(([, { lastMs }]) => nowMs - lastMs < forgottenAfterMs)
      .map(([name, { refusals }]) => ({ name, refusals }))
      .sort((a, b) => b.refusals - a.refusals)
      .slice(0, count);
  }

  #remember(name: string, limited: Limited): void {
    this.#limited.set(name, limited);
    if (this.#limited.size <= mostLimited) return;
    for (const [oldest] of this.#limited) {
      this.#limited.delete(oldest);
      return;
    }
  }
}
