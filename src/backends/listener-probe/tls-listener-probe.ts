import { connect, type TLSSocket } from "node:tls";
import type { ListenerAddress, ListenerProbe, ProbeOutcome } from "../../agent/inspection/listener-watch.ts";
import { encodeCertificates, encodePem } from "../../domain/certificate/pem.ts";
import type { Bundle } from "../../domain/trust/bundle.ts";
import type { X509Svid } from "../../domain/trust/svid.ts";

const answerWithinMs = 1000;
/** In TLS 1.3 the verdict on a client comes after its handshake (RFC 8446 §4.4.2.4); on one node within a moment. */
const verdictWithinMs = 250;

/** A handshake with a listener of this node, as a client of the mesh would make it, and an end at once. */
export class TlsListenerProbe implements ListenerProbe {
  probe(
    { host, port }: ListenerAddress,
    { bundle, svid }: { readonly bundle: Bundle; readonly svid: X509Svid },
    signal: AbortSignal,
  ): Promise<ProbeOutcome> {
    const socket = connect({
      ...{ host, port, minVersion: "TLSv1.2" },
      cert: encodeCertificates(svid.chain),
      key: encodePem("PRIVATE KEY", svid.privateKey),
      ca: encodeCertificates(bundle.anchors),
      ...(bundle.lists.length > 0 && { crl: bundle.lists.map((list) => encodePem("X509 CRL", list)) }),
      checkServerIdentity: () => undefined, // host names say nothing here
      rejectUnauthorized: false, // judged below: whose certificate it is decides whether it is any of our business
    });
    const abort = () => socket.destroy();
    signal.addEventListener("abort", abort, { once: true });
    return outcomeOf(socket, bundle.trustDomain).finally(() => {
      signal.removeEventListener("abort", abort);
      socket.destroy();
    });
  }
}

function outcomeOf(socket: TLSSocket, trustDomain: string): Promise<ProbeOutcome> {
  return new Promise((resolve) => {
    let sawOurs = false;
    const ends = (outcome: ProbeOutcome) => {
      clearTimeout(timer);
      resolve(outcome);
    };
    let timer = setTimeout(() => ends({ outcome: "notOurs" }), answerWithinMs);
    socket.once("secureConnect", () => {
      sawOurs = isOurs(socket, trustDomain);
      if (!sawOurs) return ends({ outcome: "notOurs" });
      // Node types it as an Error; it is the verification's code, such as CERT_HAS_EXPIRED.
      if (!socket.authorized)
        return ends({ outcome: "unverified", reason: String(socket.authorizationError) });
      clearTimeout(timer);
      timer = setTimeout(() => ends({ outcome: "accepted" }), verdictWithinMs);
    });
    socket.on("error", (cause: NodeJS.ErrnoException) =>
      ends(
        sawOurs && isAlert(cause) ? { outcome: "refused", reason: alertOf(cause) } : { outcome: "notOurs" },
      ),
    );
    socket.once("close", () => ends({ outcome: sawOurs && socket.authorized ? "accepted" : "notOurs" }));
  });
}

/** Exactly one URI, of our trust domain (X509-SVID §2). */
function isOurs(socket: TLSSocket, trustDomain: string): boolean {
  const names = (socket.getPeerX509Certificate()?.subjectAltName ?? "").split(", ");
  const uris = names.filter((name) => name.startsWith("URI:"));
  return uris.length === 1 && uris[0]?.startsWith(`URI:spiffe://${trustDomain}/`) === true;
}

const isAlert = ({ code = "" }: NodeJS.ErrnoException): boolean => /^ERR_SSL_.*ALERT/.test(code);

/** `ERR_SSL_TLSV1_ALERT_UNKNOWN_CA` as `alert unknown ca`. */
const alertOf = ({ code = "" }: NodeJS.ErrnoException): string =>
  code
    .replace(/^ERR_SSL_.*?ALERT/, "alert")
    .replaceAll("_", " ")
    .toLowerCase();
