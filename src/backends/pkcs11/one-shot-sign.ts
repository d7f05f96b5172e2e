import { type Key, MechanismEnum, type Session } from "graphene-pk11";
import type { Curve } from "../../domain/certificate/signature-algorithm.ts";
import { Fault } from "../../foundation/fault.ts";
import type { TokenKey } from "./key-objects.ts";
import type { OpenToken } from "./token.ts";
import { tokenFault } from "./token-fault.ts";

/** Bytes of the digest that belongs to each curve: SHA-256 and SHA-384 (RFC 5758 §3.2). */
const digestBytes: Readonly<Record<Curve, number>> = { "P-256": 32, "P-384": 48 };

/**
 * Signs one digest with CKM_ECDSA: SHA-256 for P-256, SHA-384 for P-384. Resolves to r‖s, each as long as the curve's
 * order. Rejects with INVALID_ARGUMENT for another digest length, HSM_UNAVAILABLE or HSM_REFUSED when the token fails.
 * For a ceremony: one signature, on the token's own session. A started C_Sign cannot be interrupted: the signal counts
 * before it only.
 */
export async function signOnce(
  token: OpenToken,
  item: { readonly key: TokenKey; readonly digest: Uint8Array },
  signal: AbortSignal,
): Promise<Uint8Array> {
  signal.throwIfAborted();
  return await signDigest(token.session, item.key, item.digest);
}

type HeldKey = { readonly handle: Key; readonly curve: Curve };

/** The same on a given session. The caller sees to it that no other operation is in flight on that session. */
export async function signDigest(session: Session, key: HeldKey, digest: Uint8Array): Promise<Uint8Array> {
  requireDigestOf(key, digest);
  // graphene copies its input into a Buffer that nothing references once the call has started, and the binding's worker
  // pins only the callback (pkcs11js #121): a collection during C_Sign would have the token sign freed memory. An
  // ArrayBuffer is not copied but wrapped, so the bytes live for as long as `held` does.
  let held: ArrayBuffer | undefined = Uint8Array.from(digest).buffer;
  try {
    const sign = session.createSign(MechanismEnum.ECDSA, key.handle);
    return await new Promise<Uint8Array>((resolve, reject) => {
      sign.once(held as unknown as Buffer, (error: Error | null, signature: Buffer) => {
        held = undefined;
        if (error) reject(error);
        else resolve(Uint8Array.from(signature));
      });
    });
  } catch (thrown) {
    throw tokenFault("signing", thrown);
  }
}

/**
 * The same on the calling thread, which stands still until the token has answered: for tokens that do so at once.
 * Throws what the other rejects with.
 */
export function signDigestHere(session: Session, key: HeldKey, digest: Uint8Array): Uint8Array {
  requireDigestOf(key, digest);
  const signature = Buffer.allocUnsafeSlow(2 * digestBytes[key.curve]);
  const input = Buffer.from(digest.buffer, digest.byteOffset, digest.length);
  try {
    session.lib.C_SignInit(session.handle, { mechanism: MechanismEnum.ECDSA }, key.handle.handle);
    return session.lib.C_Sign(session.handle, input, signature);
  } catch (thrown) {
    throw tokenFault("signing", thrown);
  }
}

function requireDigestOf({ curve }: HeldKey, digest: Uint8Array): void {
  if (digest.length === digestBytes[curve]) return;
  throw new Fault(
    "INVALID_ARGUMENT",
    `a ${curve} key signs digests of ${digestBytes[curve]} bytes, not ${digest.length}`,
  );
}
