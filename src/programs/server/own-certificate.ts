import type { Logger } from "pino";
import { LocalLeafKeys } from "../../backends/node-crypto/local-leaf-keys.ts";
import { failureFields } from "../../backends/telemetry/logger.ts";
import { type OwnCertificate, OwnLeaf } from "../../control/issuance/own-leaf.ts";
import type { IssuancePipeline } from "../../control/issuance/pipeline.ts";
import { encodeCertificates, encodePem } from "../../domain/certificate/pem.ts";
import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";
import { systemClock } from "../../foundation/clock.ts";
import { Fault } from "../../foundation/fault.ts";
import { type TlsMaterial, TlsServerCredentials } from "../../protocols/grpc/tls-server-credentials.ts";
import type { Trust } from "./wire-trust.ts";

export type OwnTls = {
  /** Resolves with the listener's credentials once the first certificate is minted; they renew themselves. */
  readonly ready: Promise<TlsServerCredentials>;
  /** Undefined until the first certificate is minted. */
  current(): OwnCertificate | undefined;
};

type Parts = {
  readonly serverId: SpiffeId;
  readonly pipeline: IssuancePipeline;
  readonly trust: Trust;
  readonly logger: Logger;
};

/**
 * The server's own TLS certificate: minted through its own pipeline at start, renewed while running, and shown anew
 * whenever the bundle or the authority changes.
 */
export function keepOwnTls(parts: Parts, signal: AbortSignal): OwnTls {
  const { serverId, trust, logger } = parts;
  const ready = Promise.withResolvers<TlsServerCredentials>();
  let tls: TlsServerCredentials | undefined;
  const leaf = new OwnLeaf({
    source: ownLeafSource(parts),
    clock: systemClock,
    install: (certificate) => show(certificate),
    failed: (thrown, retryInMs) =>
      logger.warn(
        { retryInMs, ...failureFields(thrown) },
        "the server's own certificate could not be minted",
      ),
  });
  function show(certificate: OwnCertificate): void {
    const material = materialOf(certificate, trust);
    if (tls === undefined) {
      tls = new TlsServerCredentials(material);
      ready.resolve(tls);
    } else {
      tls.renew(material);
    }
    trust.roster
      .serverServes(serverId, certificate, signal)
      .catch((thrown: unknown) =>
        logger.error(failureFields(thrown), "the server is not recorded as a holder"),
      );
  }
  const stop = trust.picture.onChange(() => {
    if (leaf.current !== undefined) show(leaf.current);
    leaf.wake();
  });
  signal.addEventListener("abort", stop, { once: true });
  leaf.keep(signal).then(
    () => ready.reject(signal.reason),
    (thrown: unknown) => ready.reject(thrown),
  );
  return { ready: ready.promise, current: () => leaf.current };
}

const ownLeafSource = ({ serverId, pipeline, trust }: Parts) => ({
  makeKey: (signal: AbortSignal) => new LocalLeafKeys().make(signal),
  mint: async (csr: Uint8Array, signal: AbortSignal) => {
    const request = {
      caller: { kind: "server", id: serverId },
      wanted: { kind: "server", dnsNames: [] },
      csr,
    } as const;
    const issued = await pipeline.issue(request, signal);
    if (issued.ok) return issued.value;
    const reason = "reason" in issued.error ? `: ${issued.error.reason}` : "";
    throw new Fault(
      "SIGNER_UNAVAILABLE",
      `the server's own leaf was refused as ${issued.error.code}${reason}`,
    );
  },
  activeKeyId: () => trust.picture.activeKeyId(),
});

/** Leaf and intermediate as minted, and always the cross-certificate: a node that was away may know the old root only. */
function materialOf(certificate: OwnCertificate, { picture }: Trust): TlsMaterial {
  const { chain, privateKey, authorityKeyId } = certificate;
  const crosses = picture.listenerCrossCertificates(authorityKeyId);
  return {
    chain: encodeCertificates([...chain.slice(0, 2), ...crosses]),
    key: encodePem("PRIVATE KEY", privateKey),
    clientRoots: encodeCertificates(picture.bundle().anchors),
  };
}
