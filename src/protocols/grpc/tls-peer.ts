import { X509Certificate } from "node:crypto";
import type { ServerUnaryCall } from "@grpc/grpc-js";
import { parseSpiffeId, type SpiffeId } from "../../domain/identity/spiffe-id.ts";
import { systemClock } from "../../foundation/clock.ts";

/** The client certificate of a call that chained to our roots. */
export type TlsPeer = {
  readonly spiffeId: SpiffeId;
  /** Lower-case hexadecimal of the serial number. */
  readonly serial: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
};

type Call = Pick<ServerUnaryCall<unknown, unknown>, "getAuthContext">;

/**
 * Who is on the other side of a TLS call, or undefined without a verified certificate. Exactly one URI SAN, which must
 * be a SPIFFE ID with a path; a CA certificate is nobody (X509-SVID §2, §4.1, §5.2). The certificate was verified when
 * the connection began, and a connection may outlive it: one that has expired since is nobody's.
 */
export function tlsPeerOf(call: Call): TlsPeer | undefined {
  const raw = call.getAuthContext().sslPeerCertificate?.raw;
  if (raw === undefined) return undefined;
  const certificate = new X509Certificate(raw);
  const notAfter = certificate.validToDate;
  if (certificate.ca || notAfter < systemClock.now()) return undefined;
  const uris = (certificate.subjectAltName ?? "").split(", ").filter((name) => name.startsWith("URI:"));
  if (uris.length !== 1) return undefined;
  const id = parseSpiffeId(uris[0]?.slice("URI:".length) ?? "");
  if (!id.ok || !id.value.slice("spiffe://".length).includes("/")) return undefined;
  const { serialNumber, validFromDate: notBefore } = certificate;
  return { spiffeId: id.value, serial: serialNumber.toLowerCase(), notBefore, notAfter };
}
