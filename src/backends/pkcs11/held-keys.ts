import { ObjectClass } from "graphene-pk11";
import type { KeyPlace } from "../../custody/ca-token.ts";
import type { Der } from "../../domain/certificate/der.ts";
import { toHex } from "../../domain/certificate/hex.ts";
import { objects } from "./key-objects.ts";
import type { OpenToken } from "./token.ts";
import { tokenFault } from "./token-fault.ts";

/** A private key of the token, and every certificate that lies beside it: none for an orphan. */
export type KeyOnToken = {
  readonly keyId: string;
  readonly label: string;
  readonly certificates: readonly Der[];
};

/** Every private key, in order of id and label. Two searches, however many keys there are: each reads a whole SoftHSM. */
export function keysOnToken(token: OpenToken): readonly KeyOnToken[] {
  try {
    const certificates = certificatesById(token);
    const keys = objects(token, { class: ObjectClass.PRIVATE_KEY }).map((key) => {
      const keyId = toHex(key.getAttribute("id") as Buffer);
      const label = key.getAttribute("label") as string;
      return { keyId, label, certificates: keyId === "" ? [] : (certificates.get(keyId) ?? []) };
    });
    return keys.sort((one, other) => compare(one, other));
  } catch (thrown) {
    throw tokenFault(`listing the keys of token "${token.label}"`, thrown);
  }
}

function certificatesById(token: OpenToken): ReadonlyMap<string, readonly Der[]> {
  const byId = new Map<string, Der[]>();
  for (const certificate of objects(token, { class: ObjectClass.CERTIFICATE })) {
    const keyId = toHex(certificate.getAttribute("id") as Buffer);
    const value = Uint8Array.from(certificate.getAttribute("value") as Buffer) as Der;
    byId.set(keyId, [...(byId.get(keyId) ?? []), value]);
  }
  return byId;
}

export const isBehind = (key: KeyPlace, after: KeyPlace): boolean => compare(key, after) > 0;

const compare = (one: KeyPlace, other: KeyPlace): number =>
  order(one.keyId, other.keyId) || order(one.label, other.label);

const order = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);
