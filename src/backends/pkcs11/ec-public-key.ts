import type { Curve } from "../../domain/certificate/signature-algorithm.ts";
import { Fault } from "../../foundation/fault.ts";

/** `ecParams` is the named curve's OID as CKA_EC_PARAMS carries it; `pointBytes` are those of an uncompressed point. */
const curves: Readonly<Record<Curve, { readonly ecParams: Buffer; readonly pointBytes: number }>> = {
  "P-256": { ecParams: Buffer.from("06082a8648ce3d030107", "hex"), pointBytes: 65 },
  "P-384": { ecParams: Buffer.from("06052b81040022", "hex"), pointBytes: 97 },
};

export const ecParamsOf = (curve: Curve): Buffer => curves[curve].ecParams;

/** The curve that CKA_EC_PARAMS names; undefined for any but P-256 and P-384. */
export function curveOf(ecParams: Uint8Array): Curve | undefined {
  const names: readonly Curve[] = ["P-256", "P-384"];
  return names.find((name) => curves[name].ecParams.equals(ecParams));
}

/** CKA_EC_POINT as an uncompressed point. The standard wraps it in an OCTET STRING; some tokens give it bare. */
export function pointOf(ecPoint: Uint8Array, curve: Curve): Uint8Array {
  const size = curves[curve].pointBytes;
  const wrapped = ecPoint.length === size + 2 && ecPoint[0] === 0x04 && ecPoint[1] === size;
  const point = wrapped ? ecPoint.subarray(2) : ecPoint;
  if (point.length !== size || point[0] !== 0x04) {
    throw new Fault("HSM_REFUSED", `the token's CKA_EC_POINT is no uncompressed point on ${curve}`);
  }
  return Uint8Array.from(point);
}
