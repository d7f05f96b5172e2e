import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { csrFor } from "../fakes/csr-maker.ts";
import { spkiOf } from "../fakes/software-authority.ts";

export type KeyName =
  | "P-256"
  | "P-256 with a short x"
  | "P-256 with a short y"
  | "P-384"
  | "P-384 with a short x"
  | "RSA 2048"
  | "RSA 3072"
  | "RSA 4096";

type SubjectKey = {
  readonly spki: Uint8Array;
  /** The subjectPublicKey: a point, or an RSAPublicKey. */
  readonly bits: Uint8Array;
  readonly csr: Uint8Array;
};

const made = new Map<KeyName, SubjectKey>();

/** A key of that kind and a request for it; made once, since every leaf needs one and none is ever used. */
export function subjectKey(name: KeyName): SubjectKey {
  const known = made.get(name);
  if (known !== undefined) return known;
  const pair = makePair(name);
  const spki = spkiOf(pair.publicKey);
  const key = { spki, bits: bitsOf(pair.publicKey, spki), csr: csrFor(pair) };
  made.set(name, key);
  return key;
}

function bitsOf(key: KeyObject, spki: Uint8Array): Uint8Array {
  if (key.asymmetricKeyType === "rsa") return new Uint8Array(key.export({ type: "pkcs1", format: "der" }));
  return spki.subarray(key.asymmetricKeyDetails?.namedCurve === "prime256v1" ? -65 : -97);
}

const rsa = (modulusLength: number) => generateKeyPairSync("rsa", { modulusLength });
const ec = (namedCurve: string) => generateKeyPairSync("ec", { namedCurve });

function makePair(name: KeyName) {
  switch (name) {
    case "P-256":
      return ec("P-256");
    case "P-384":
      return ec("P-384");
    case "P-256 with a short x":
      return shortEc("P-256", (point) => point[1] === 0);
    case "P-256 with a short y":
      return shortEc("P-256", (point) => point[33] === 0);
    case "P-384 with a short x":
      return shortEc("P-384", (point) => point[1] === 0);
    case "RSA 2048":
      return rsa(2048);
    case "RSA 3072":
      return rsa(3072);
    case "RSA 4096":
      return rsa(4096);
    default:
      return name satisfies never;
  }
}

/** One key in 256 has a coordinate that begins with a zero byte, which an encoder could lose. */
function shortEc(curve: "P-256" | "P-384", isShort: (point: Uint8Array) => boolean) {
  const length = curve === "P-256" ? 65 : 97;
  for (;;) {
    const pair = ec(curve);
    if (isShort(spkiOf(pair.publicKey).subarray(-length))) return pair;
  }
}
