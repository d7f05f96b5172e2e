import { type ITemplate, type Key, KeyGenMechanism, ObjectClass, type SessionObject } from "graphene-pk11";
import type { Der } from "../../domain/certificate/der.ts";
import { toHex } from "../../domain/certificate/hex.ts";
import { keyIdentifierOfBits } from "../../domain/certificate/key-identifier.ts";
import type { Curve } from "../../domain/certificate/signature-algorithm.ts";
import { writeEcSpki } from "../../domain/certificate/spki.ts";
import { Fault } from "../../foundation/fault.ts";
import { curveOf, ecParamsOf, pointOf } from "./ec-public-key.ts";
import type { OpenToken } from "./token.ts";
import { tokenFault } from "./token-fault.ts";

/** By number: graphene has two names for CKA_EC_PARAMS and reads it back under the other one. */
const ckaEcParams = 0x180;
const ckaEcPoint = 0x181;

/** A CA key in a token, named by its subject key identifier. */
export type TokenKey = {
  /** Lower-case hexadecimal SKI = CKA_ID. */
  readonly keyId: string;
  readonly label: string;
  readonly curve: Curve;
  readonly spki: Der;
  /** Valid in every session of this process until the module is reinitialised. Of no use outside this folder. */
  readonly handle: Key;
};

/**
 * Generates an EC key pair inside the token: sensitive, not extractable, for signing only. Its CKA_ID becomes the SKI of
 * the new public key. Throws HSM_REFUSED when a key or certificate of this label, or a key of this id, exists already.
 */
export function generateKeyPair(token: OpenToken, wanted: { label: string; curve: Curve }): TokenKey {
  refuseTakenLabel(token, wanted.label);
  const { publicKey, privateKey } = generate(token, wanted);
  try {
    const point = pointOf(publicKey.getAttribute(ckaEcPoint), wanted.curve);
    const id = Buffer.from(keyIdentifierOfBits(point));
    if (count(token, { id }) > 0) {
      throw new Fault("HSM_REFUSED", `token "${token.label}" already has an object with CKA_ID ${toHex(id)}`);
    }
    publicKey.setAttribute("id", id);
    privateKey.setAttribute("id", id);
    return checkedKey(token, toHex(id), privateKey);
  } catch (thrown) {
    publicKey.destroy();
    privateKey.destroy();
    throw tokenFault(`naming the new key "${wanted.label}"`, thrown);
  }
}

/**
 * Finds the one private key with this CKA_ID and asserts its attributes; undefined when the token has none. Throws
 * HSM_REFUSED when two match, or when the key is not sensitive, can be extracted, or may do more than sign.
 */
export function findKey(token: OpenToken, keyId: string): TokenKey | undefined {
  try {
    const found = objects(token, { class: ObjectClass.PRIVATE_KEY, id: Buffer.from(keyId, "hex") });
    if (found.length > 1) {
      throw new Fault(
        "HSM_REFUSED",
        `${found.length} private keys in token "${token.label}" have CKA_ID ${keyId}; exactly one may`,
      );
    }
    return found[0] === undefined ? undefined : checkedKey(token, keyId, found[0]);
  } catch (thrown) {
    throw tokenFault(`looking for key ${keyId}`, thrown);
  }
}

/** A private key that has no certificate beside it: a ceremony that stopped half way. */
export type Orphan = { readonly keyId: string; readonly label: string };

export type TokenInventory = { readonly keyIds: readonly string[]; readonly orphans: readonly Orphan[] };

/** All private keys of the token, those with a certificate of the same CKA_ID apart from those without (orphans). */
export function listKeys(token: OpenToken): TokenInventory {
  try {
    const keyIds: string[] = [];
    const orphans: Orphan[] = [];
    for (const key of objects(token, { class: ObjectClass.PRIVATE_KEY })) {
      const id = key.getAttribute("id") as Buffer;
      const certified = id.length > 0 && count(token, { class: ObjectClass.CERTIFICATE, id }) > 0;
      if (certified) keyIds.push(toHex(id));
      else orphans.push({ keyId: toHex(id), label: key.getAttribute("label") as string });
    }
    return { keyIds, orphans };
  } catch (thrown) {
    throw tokenFault(`listing the keys of token "${token.label}"`, thrown);
  }
}

/** Destroys an orphan's key pair. Throws HSM_REFUSED when it has a certificate by now: an authority is never destroyed. */
export function destroyOrphan(token: OpenToken, orphan: Orphan): void {
  try {
    const id = Buffer.from(orphan.keyId, "hex");
    if (id.length > 0 && count(token, { class: ObjectClass.CERTIFICATE, id }) > 0) {
      throw new Fault(
        "HSM_REFUSED",
        `key ${orphan.keyId} has a certificate: it is an authority, not an orphan`,
      );
    }
    for (const kind of [ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY]) {
      for (const object of objects(token, { class: kind, id, label: orphan.label })) object.destroy();
    }
  } catch (thrown) {
    throw tokenFault(`destroying the orphan "${orphan.label}"`, thrown);
  }
}

/** Objects of the token that match, as the token counts and orders them. */
export function objects(token: OpenToken, template: ITemplate): readonly SessionObject[] {
  const found = token.session.find({ token: true, ...template });
  return Array.from({ length: found.length }, (_, index) => found.items(index));
}

const count = (token: OpenToken, template: ITemplate): number => objects(token, template).length;

function refuseTakenLabel(token: OpenToken, label: string): void {
  try {
    if (count(token, { label }) === 0) return;
  } catch (thrown) {
    throw tokenFault(`looking for objects labelled "${label}"`, thrown);
  }
  throw new Fault(
    "HSM_REFUSED",
    `token "${token.label}" already has an object labelled "${label}"; choose another label, or destroy it if it is an orphan`,
  );
}

function generate(token: OpenToken, wanted: { label: string; curve: Curve }) {
  const no = { encrypt: false, verifyRecover: false, wrap: false } as const;
  try {
    return token.session.generateKeyPair(
      KeyGenMechanism.EC,
      { ...no, token: true, label: wanted.label, paramsEC: ecParamsOf(wanted.curve), verify: true },
      {
        token: true,
        label: wanted.label,
        sensitive: true,
        extractable: false,
        sign: true,
        signRecover: false,
        decrypt: false,
        unwrap: false,
        derive: false,
      },
    );
  } catch (thrown) {
    throw tokenFault(`generating the ${wanted.curve} key "${wanted.label}"`, thrown);
  }
}

/** What every CA key must be, and must have been since it was made (H8 in docs/conformance.md). */
const demanded = {
  sign: true,
  sensitive: true,
  extractable: false,
  alwaysSensitive: true,
  neverExtractable: true,
  local: true,
  signRecover: false,
  decrypt: false,
  unwrap: false,
  derive: false,
} as const;

function checkedKey(token: OpenToken, keyId: string, key: SessionObject): TokenKey {
  for (const [name, value] of Object.entries(demanded)) {
    if (key.getAttribute(name as keyof typeof demanded) !== value) {
      throw new Fault(
        "HSM_REFUSED",
        `key ${keyId} in token "${token.label}" must have ${name} = ${value}; it is not used`,
      );
    }
  }
  const curve = curveOf(key.getAttribute(ckaEcParams));
  if (curve === undefined) {
    throw new Fault("HSM_REFUSED", `key ${keyId} in token "${token.label}" is on neither P-256 nor P-384`);
  }
  const point = publicPoint(token, keyId, curve);
  return {
    keyId,
    label: key.getAttribute("label") as string,
    curve,
    spki: writeEcSpki(curve, point),
    handle: key as Key,
  };
}

/** A private key object has no CKA_EC_POINT: the public half stands beside it, and CKA_ID must be derived from it. */
function publicPoint(token: OpenToken, keyId: string, curve: Curve): Uint8Array {
  const found = objects(token, { class: ObjectClass.PUBLIC_KEY, id: Buffer.from(keyId, "hex") });
  const [publicKey] = found;
  if (publicKey === undefined || found.length > 1) {
    throw new Fault(
      "HSM_REFUSED",
      `key ${keyId} in token "${token.label}" has ${found.length} public keys beside it, not one`,
    );
  }
  const point = pointOf(publicKey.getAttribute(ckaEcPoint), curve);
  if (toHex(keyIdentifierOfBits(point)) !== keyId) {
    throw new Fault(
      "HSM_REFUSED",
      `key ${keyId} in token "${token.label}" is named by a CKA_ID that its public key does not have`,
    );
  }
  return point;
}
