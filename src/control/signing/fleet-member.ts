import { asFault } from "../../foundation/fault.ts";
import type { Result } from "../../foundation/result.ts";
import { MemberLoad } from "./member-load.ts";
import type { KeyLister, Signer, SignerStatus, SignItem, SignRefusal } from "./signer.ts";

export type Outcome = Result<Uint8Array, SignRefusal>;

/** Where it stands: `doubtful` is passed over while another is there, `quarantined` is asked nothing at all. */
export type Standing =
  | { readonly kind: "usable" }
  | { readonly kind: "doubtful"; readonly reason: string; readonly sinceMs: number }
  | { readonly kind: "quarantined"; readonly reason: string };

const usable: Standing = { kind: "usable" };
/** A batch under way for longer than this: new ones go elsewhere while there is an elsewhere. */
const stalledAfterMs = 2_000;

/** One signer of the fleet: its load, and whether it is to be trusted with more. */
export class FleetMember {
  readonly name: string;
  readonly signer: Signer & KeyLister;
  readonly load = new MemberLoad();
  /** As it last said itself; undefined while it has not, or cannot be reached. */
  lastStatus: SignerStatus | undefined;
  #standing: Standing = usable;

  constructor(name: string, signer: Signer & KeyLister) {
    this.name = name;
    this.signer = signer;
  }

  get standing(): Standing {
    return this.#standing;
  }

  get isQuarantined(): boolean {
    return this.#standing.kind === "quarantined";
  }

  /** Lower is better: usable before doubtful, and a stalled one counts as doubtful. */
  rank(nowMs: number): number {
    return this.#standing.kind === "usable" && this.load.oldestMs(nowMs) < stalledAfterMs ? 0 : 1;
  }

  async sign(items: readonly SignItem[], signal: AbortSignal): Promise<readonly Outcome[]> {
    const work = this.load.begin(items.length, performance.now());
    let signed = 0;
    try {
      const outcomes = await this.signer.sign(items, signal);
      for (const outcome of outcomes) if (outcome.ok) signed += 1;
      const reason = signed === 0 ? failureIn(outcomes) : undefined;
      if (reason !== undefined) this.doubt(reason);
      return outcomes;
    } catch (thrown) {
      if (!signal.aborted) this.doubt(asFault(thrown).message);
      throw thrown;
    } finally {
      work.end(signed, performance.now(), this.lastStatus?.sessions ?? 1);
    }
  }

  doubt(reason: string): void {
    if (this.#standing.kind === "usable") {
      this.#standing = { kind: "doubtful", reason, sinceMs: performance.now() };
    } else if (this.#standing.kind === "doubtful") this.#standing = { ...this.#standing, reason };
  }

  /** It has said itself that it can sign. Ends a doubt, never a quarantine. */
  believe(): void {
    if (this.#standing.kind === "doubtful") this.#standing = usable;
  }

  quarantine(reason: string): void {
    this.#standing = { kind: "quarantined", reason };
  }

  /** An operator's decision. */
  release(): void {
    this.#standing = usable;
  }
}

/** That the token failed, or the signer is going: not that it was asked for something wrong. */
function failureIn(outcomes: readonly Outcome[]): string | undefined {
  for (const outcome of outcomes) {
    if (!outcome.ok && (outcome.error.code === "hsm-failed" || outcome.error.code === "shutting-down"))
      return outcome.error.reason;
  }
  return undefined;
}
