import type { Der } from "../../domain/certificate/der.ts";
import { sha256 } from "../../foundation/digest.ts";
import { Fault } from "../../foundation/fault.ts";

export type KeyCurve = "P-256" | "P-384";

type Curve = { readonly ecParams: Buffer; readonly spkiHead: Buffer; readonly pointBytes: number };

/**
 * `ecParams` is the named curve's OID as CKA_EC_PARAMS carries it; `spkiHead` is a SubjectPublicKeyInfo up to the point:
 * SEQUENCE { SEQUENCE { id-ecPublicKey, curve }, BIT STRING, no unused bits } (RFC 5480 §2).
 */
const curves: Readonly<Record<KeyCurve, Curve>> = {
  "P-256": {
    ecParams: Buffer.from("06082a8648ce3d030107", "hex"),
    spkiHead: Buffer.from("3059301306072a8648ce3d020106082a8648ce3d030107034200", "hex"),
    pointBytes: 65,
  },
  "P-384": {
    ecParams: Buffer.from("06052b81040022", "hex"),
    spkiHead: Buffer.from("3076301006072a8648ce3d020106052b81040022036200", "hex"),
    pointBytes: 97,
  },
};

export const ecParamsOf = (curve: KeyCurve): Buffer => curves[curve].ecParams;

/** The curve that CKA_EC_PARAMS names; undefined for any but P-256 and P-384. */
export function curveOf(ecParams: Uint8Array): KeyCurve | undefined {
  const names: readonly KeyCurve[] = ["P-256", "P-384"];
  return names.find((name) => curves[name].ecParams.equals(ecParams));
}

/** CKA_EC_POINT as an uncompressed point. The standard wraps it in an OCTET STRING; some tokens give it bare. */
export function pointOf(ecPoint: Uint8Array, curve: KeyCurve): Uint8Array {
  const size = curves[curve].pointBytes;
  const wrapped = ecPoint.length === size + 2 && ecPoint[0] === 0x04 && ecPoint[1] === size;
  const point = wrapped ? ecPoint.subarray(2) : ecPoint;
  if (point.length !== size || point[0] !== 0x04) {
    throw new Fault("HSM_REFUSED", `the token's CKA_EC_POINT is no uncompressed point on ${curve}`);
  }
  return Uint8Array.from(point);
}

/** The SubjectPublicKeyInfo of an uncompressed point. */
export const spkiOf = (point: Uint8Array, curve: KeyCurve): Der =>
  Uint8Array.from(Buffer.concat([curves[curve].spkiHead, point])) as Der;

/** The subject key identifier, RFC 7093 §2 method 1: the leftmost 160 bits of SHA-256 over the subjectPublicKey bits. */
export const keyIdentifierOf = (point: Uint8Array): Uint8Array => sha256(point).subarray(0, 20);

export const hex = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
