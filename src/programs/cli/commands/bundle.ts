import { X509Certificate } from "node:crypto";
import { Option } from "commander";
import type { AdminReply } from "../../../backends/admin-client/admin-client.ts";
import { encodeCertificates, encodePem } from "../../../domain/certificate/pem.ts";
import { sha256Hex } from "../../../foundation/digest.ts";
import { type AdminOptions, asAdminCommand, groupOf, runAdmin } from "../admin-command.ts";
import type { Registration } from "../command-frame.ts";

type Bundle = AdminReply<"GetBundle">;

/** A SPIFFE bundle: roots as x509-svid keys. SPIFFE Trust Domain and Bundle §4. */
const jwks = ({ anchorsDer, sequence }: Bundle): string => {
  const keys = anchorsDer.map((der) => ({
    ...new X509Certificate(der).publicKey.export({ format: "jwk" }),
    use: "x509-svid",
    x5c: [der.toString("base64")],
  }));
  return JSON.stringify({ keys, spiffe_sequence: Number(sequence), spiffe_refresh_hint: 300 }, null, 2);
};

/** Roots, then revocation lists if any: readers of PEM, Envoy among them, take both from one text. */
const pem = ({ anchorsDer, revocationListsDer }: Bundle): string =>
  encodeCertificates(anchorsDer) + revocationListsDer.map((list) => encodePem("X509 CRL", list)).join("");

/** A file for Envoy's `path_config_source`, for a listener that trusts the domain without asking an agent. */
const envoy = (bundle: Bundle): string => {
  const secret = {
    "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
    name: `spiffe://${bundle.trustDomain}`,
    validation_context: { trusted_ca: { inline_string: pem(bundle) } },
  };
  return JSON.stringify({ resources: [secret] }, null, 2);
};

const formats = { pem, jwks, envoy };
type Format = keyof typeof formats;

/** `meshmint bundle show`: the trust domain's roots, newest first. */
export const registerBundle: Registration = (program, frame) => {
  const group = groupOf(program, "bundle", "trust anchors");
  asAdminCommand(group.command("show"))
    .description("the roots of the trust domain, newest first, as the server hands them out now")
    .addOption(
      new Option("--format <format>", "pem, SPIFFE JWKS, or an SDS file for Envoy")
        .choices(Object.keys(formats))
        .default("pem"),
    )
    .action((options: AdminOptions & { format: Format }) =>
      runAdmin(frame, options, async (client, { signal }) => {
        const bundle = await client.call("GetBundle", {}, signal);
        const { trustDomain, sequence, anchorsDer, revocationListsDer } = bundle;
        const text = formats[options.format](bundle);
        const anchors = anchorsDer.map(sha256Hex);
        const lists = revocationListsDer.map(sha256Hex);
        return { text, json: { trustDomain, sequence, anchors, lists, [options.format]: text } };
      }),
    );
};
