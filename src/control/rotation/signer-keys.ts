import { sameBytes } from "../../domain/certificate/hex.ts";
import type { Authority } from "../../domain/trust/authority.ts";
import { Fault } from "../../foundation/fault.ts";
import type { KeyAnswer, SigningKey } from "../signing/signer.ts";
import type { RotationRefusal } from "./rotation-status.ts";

/** Every signer that leaves may be signed with: all that are configured, but for those in quarantine. */
export interface SignerKeys {
  describeKey(keyId: string, signal: AbortSignal): Promise<readonly KeyAnswer[]>;
}

/**
 * Why the authority cannot sign in every signer, or undefined: each must hold its key, with its very certificate beside it. One
 * that lacked it would refuse its share of every batch from the moment of activation on. Rejects with SIGNER_UNAVAILABLE that
 * names whoever could not be asked, where nothing else is in the way.
 */
export async function whoLacksKey(
  signers: SignerKeys,
  { keyId, certificate }: Authority,
  signal: AbortSignal,
): Promise<RotationRefusal | undefined> {
  const lack = lackIn(await signers.describeKey(keyId, signal), { keyId, certificate });
  if (lack instanceof Fault) throw lack;
  return lack;
}

type Sought = Pick<Authority, "keyId" | "certificate">;
type Answer = Omit<KeyAnswer, "key"> & { readonly key?: Pick<SigningKey, "certificate"> | undefined };

/** What is missing by these answers; a fault where nothing is, as far as could be asked. */
export function lackIn(
  answers: readonly Answer[],
  { keyId, certificate }: Sought,
): RotationRefusal | Fault | undefined {
  if (answers.length === 0) {
    return {
      code: "unknown-key",
      message: `every signer is in quarantine: nobody can say who holds the key ${keyId}`,
    };
  }
  const asked = answers.filter(({ away }) => away === undefined);
  const away = answers.flatMap((answer) =>
    answer.away === undefined ? [] : `${nameOf(answer)}: ${answer.away}`,
  );
  const unasked = away.length === 0 ? "" : `; not every signer could be asked: ${away.join("; ")}`;
  const without = asked.filter(({ key }) => key === undefined).map(nameOf);
  if (without.length > 0) {
    const remedy =
      "certify this intermediate in the token of each signer, or take the signer out of the configuration";
    return {
      code: "unknown-key",
      message: `${without.join(", ")} holds no key ${keyId}: ${remedy}${unasked}`,
    };
  }
  const others = asked.filter(({ key }) => key && !sameBytes(key.certificate, certificate)).map(nameOf);
  if (others.length > 0) {
    const where = `the token of ${others.join(", ")}`;
    return {
      code: "bad-certificate",
      message: `${where} has another certificate beside the key ${keyId}${unasked}`,
    };
  }
  if (away.length === 0) return undefined;
  return new Fault(
    "SIGNER_UNAVAILABLE",
    `not every signer can be asked for the key ${keyId}: ${away.join("; ")}`,
  );
}

const nameOf = ({ signer }: Answer): string => `signer "${signer}"`;
