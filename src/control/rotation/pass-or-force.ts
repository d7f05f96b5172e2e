import { type Forced, type UnderWay, withForced } from "../../domain/trust/rotation.ts";
import { ok, type Result } from "../../foundation/result.ts";
import type { LedgerEvent } from "../ledger/ledger-writer.ts";
import { behind } from "./decision.ts";
import { type Verdict, whoIsInTheWay } from "./describe-laggards.ts";
import type { RotationRefusal } from "./rotation-status.ts";
import type { Change } from "./rotation-steps.ts";

/** More are counted, not named. */
const mostNamed = 50;

type Asked = {
  readonly verb: Forced["verb"];
  readonly actor: string;
  /** The reason for overriding the barrier; undefined where nobody asks for that. */
  readonly force: string | undefined;
  readonly at: Date;
  /** What may not be, as the beginning of a sentence. */
  readonly claim: string;
};

export type Passage = { readonly forced?: Forced; readonly note?: LedgerEvent["detail"] };

/** Lets a step pass its barrier, or be forced through it: then who was behind goes on record. Where nobody is, no force is used. */
export function passOrForce(verdict: Verdict, asked: Asked): Result<Passage, RotationRefusal> {
  if (verdict.allowed) return ok({});
  const { verb, actor, force, at, claim } = asked;
  if (force === undefined) return behind(verdict, claim);
  const sentences = whoIsInTheWay(verdict);
  const unnamed = sentences.length - mostNamed;
  const rest = unnamed > 0 ? [`and ${unnamed} more`] : [];
  const note = {
    forced: force,
    behind: sentences.length,
    whoWasBehind: [...sentences.slice(0, mostNamed), ...rest].join("; "),
  };
  return ok({ forced: { verb, by: actor, reason: force, at, behind: sentences.length }, note });
}

/** The change with the force that was used for it. */
export const forcedChange = <C extends Change & { readonly rotation: UnderWay }>(
  change: C,
  { forced, note }: Passage,
): Change =>
  forced === undefined
    ? change
    : { ...change, rotation: withForced(change.rotation, forced), note: { ...change.note, ...note } };
