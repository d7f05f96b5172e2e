import type { Der } from "../../domain/certificate/der.ts";
import { withDeadline } from "../../foundation/deadline.ts";
import type { Result } from "../../foundation/result.ts";
import type { SignRefusal } from "../signing/signer.ts";
import type { SignerFleet } from "../signing/signer-fleet.ts";
import type { Batch, End, Ended, Prepared } from "./batch.ts";
import type { LeafCrypto, SignedTbs } from "./leaf-crypto.ts";

/** The signers behind the pipeline: each signature comes with the name of who made it. */
export type IssuingSigners = Pick<SignerFleet, "sign" | "distrust">;

export type SignDeps = { readonly signers: IssuingSigners; readonly crypto: LeafCrypto };

const signLimitMs = 20_000;
const checkLimitMs = 10_000;

/**
 * Fourth stage: sends the linted bytes to the token, then verifies each signature in a process other than the one that made
 * it: a signature that fails costs its signer the trust. Every leaf ends one way or another. Rejects only where it is unknown
 * what the signer did: the intents stay open then.
 */
export async function sign(
  deps: SignDeps,
  { authority, leaves }: Batch<Prepared>,
  signal: AbortSignal,
): Promise<Batch<Ended>> {
  const items = leaves.map(({ linted }) => ({ keyId: authority.keyId, tbs: linted.redeem() }));
  const signatures = await withDeadline(signLimitMs, signal, (limited) => deps.signers.sign(items, limited));
  const signed: SignedTbs[] = [];
  signatures.forEach((outcome, at) => {
    const item = items[at];
    if (outcome.ok && item !== undefined) signed.push({ tbs: item.tbs, signature: outcome.value });
  });
  const sealed = await sealAll(deps.crypto, { authority, leaves: signed }, signal);
  let next = 0;
  const ended = leaves.map((leaf, at): Ended => {
    const signature = signatures[at];
    if (signature === undefined) return { leaf, end: lost("the signer gave no answer for it") };
    if (!signature.ok) return { leaf, end: unsigned(signature.error) };
    const certificate = sealed[next];
    next += 1;
    if (certificate?.kind === "closed" && certificate.as === "self-check-failed")
      deps.signers.distrust(signature.signer, `serial ${leaf.serialHex}: ${certificate.reason}`);
    return { leaf, end: certificate ?? lost("it could not be checked") };
  });
  return { authority, leaves: ended };
}

/** The self-check must not leave signed leaves without an end: if it cannot run, they count as signed and lost. */
async function sealAll(
  crypto: LeafCrypto,
  { authority, leaves }: Batch<SignedTbs>,
  signal: AbortSignal,
): Promise<readonly End[]> {
  if (leaves.length === 0) return [];
  try {
    const outcomes = await withDeadline(checkLimitMs, signal, (limited) =>
      crypto.seal(authority.certificate, leaves, limited),
    );
    return outcomes.map(endOfCheck);
  } catch (thrown) {
    return leaves.map(() => lost(`the self-check did not run: ${String(thrown)}`));
  }
}

const endOfCheck = (outcome: Result<Der, string>): End =>
  outcome.ok
    ? { kind: "certificate", certificate: outcome.value }
    : { kind: "closed", as: "self-check-failed", reason: outcome.error };

/** A token that may have seen the digest may have signed it, whatever it answered. */
const unsigned = ({ code, reason, journaled }: SignRefusal): End => ({
  kind: "closed",
  as: journaled ? "signed-not-recorded" : "not-signed",
  reason: `${code}: ${reason}`,
});

const lost = (reason: string): End => ({ kind: "closed", as: "signed-not-recorded", reason });
