import { encodeCertificates, encodePem } from "../../domain/certificate/pem.ts";
import type { Secret } from "../../domain/subscription/secret.ts";
import type { Bundle } from "../../domain/trust/bundle.ts";
import type { X509Svid } from "../../domain/trust/svid.ts";
import type { Secret as SecretMessage } from "../../generated/envoy/extensions/transport_sockets/tls/v3/Secret.ts";
import { SpiffeValidatorConfig, TlsSecret } from "../../wire/sds-api.ts";

const typePrefix = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3";

/** The one resource type of this service; in each response and in each Any, or Envoy refuses them (S2). */
export const secretType = `${typePrefix}.Secret`;

/**
 * Encodes a secret for Envoy. `retry` above 0 adds a PEM comment line with that number, which readers of PEM skip
 * (RFC 7468 §2) and which gives the same content other bytes.
 */
export const encodeSecret = (secret: Secret, retry: number): Buffer => {
  const comment = retry === 0 ? "" : `# retry ${retry}\n`;
  const body = secret.kind === "leaf" ? leafMessage(secret.svid, comment) : bundleMessage(secret, comment);
  return TlsSecret.serialize({ name: secret.name, ...body });
};

const leafMessage = (svid: X509Svid, comment: string): SecretMessage => ({
  tlsCertificate: {
    certificateChain: inline(comment + encodeCertificates(svid.chain)),
    privateKey: inline(encodePem("PRIVATE KEY", svid.privateKey)),
  },
});

type BundleSecret = Extract<Secret, { kind: "bundle" }>;

function bundleMessage({ form, bundles }: BundleSecret, comment: string): SecretMessage {
  const roots = ({ anchors, lists }: Bundle) =>
    encodeCertificates(anchors) + lists.map((list) => encodePem("X509 CRL", list)).join("");
  if (form === "trusted-ca") {
    return { validationContext: { trustedCa: inline(comment + bundles.map(roots).join("")) } };
  }
  // One fixed order, so that one content has one encoding whoever put it together.
  const ordered = [...bundles].sort((one, other) => (one.trustDomain < other.trustDomain ? -1 : 1));
  const trustDomains = ordered.map((bundle, index) => ({
    name: bundle.trustDomain,
    trustBundle: inline((index === 0 ? comment : "") + roots(bundle)),
  }));
  const value = SpiffeValidatorConfig.serialize({ trustDomains });
  const typedConfig = { type_url: `${typePrefix}.SPIFFECertValidatorConfig`, value };
  const customValidatorConfig = { name: "envoy.tls.cert_validator.spiffe", typedConfig };
  return { validationContext: { customValidatorConfig } };
}

const inline = (text: string) => ({ inlineBytes: Buffer.from(text, "latin1") });
