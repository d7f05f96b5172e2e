import { type Duplex, duplexPair } from "node:stream";
import { connect, createServer, type Server, type TLSSocket } from "node:tls";
import { encodeCertificates, encodePem } from "../../domain/certificate/pem.ts";
import { withDeadline } from "../../foundation/deadline.ts";
import type { Party } from "./held-secrets.ts";

const longestMs = 10_000;

/**
 * A real mutual handshake of TLS 1.3 in memory, each side with what it holds: OpenSSL's word beside that of `whyRefused`.
 * Gives why it failed, or undefined.
 */
export async function handshakeFlaw(
  caller: Party,
  callee: Party,
  signal: AbortSignal,
): Promise<string | undefined> {
  const [near, far] = duplexPair();
  const server = createServer({ requestCert: true, rejectUnauthorized: false, ...contextOf(callee) });
  const client = connect({
    ...{ socket: near, rejectUnauthorized: false, ...contextOf(caller) },
    checkServerIdentity: () => undefined, // identities are SPIFFE IDs, and whyRefused looks at those
  });
  try {
    const accepted = await withDeadline(longestMs, signal, (until) => meet({ client, server, far }, until));
    return flawOf(client, "the callee") ?? flawOf(accepted, "the caller");
  } catch (thrown) {
    signal.throwIfAborted();
    return thrown instanceof Error ? thrown.message : String(thrown);
  } finally {
    for (const end of [client, far]) end.destroy();
  }
}

const flawOf = (socket: TLSSocket, peer: string): string | undefined =>
  socket.authorized ? undefined : `${peer} was refused: ${socket.authorizationError}`;

function contextOf({ leaf, bundle }: Party) {
  const verifiers = [...bundle.verifiers.values()];
  const lists = verifiers.flatMap((verifier) =>
    verifier.lists.map(({ fields }) => encodePem("X509 CRL", fields.der)),
  );
  return {
    minVersion: "TLSv1.3" as const,
    cert: encodeCertificates(leaf.chain.map(({ fields }) => fields.der)),
    key: leaf.key.export({ type: "pkcs8", format: "pem" }),
    ca: verifiers.flatMap(({ anchors }) => anchors.map(({ fields }) => encodeCertificates([fields.der]))),
    ...(lists.length > 0 ? { crl: lists } : {}),
  };
}

/** Resolves with the callee's end once both have finished their handshake. */
function meet(
  { client, server, far }: { client: TLSSocket; server: Server; far: Duplex },
  until: AbortSignal,
): Promise<TLSSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
  const reached = new Promise<void>((done) => client.once("secureConnect", done));
  client.on("error", reject);
  server.on("tlsClientError", reject);
  server.once("secureConnection", (accepted) => void reached.then(() => resolve(accepted)));
  until.addEventListener("abort", () => reject(until.reason), { once: true });
  server.emit("connection", far);
  return promise;
}
