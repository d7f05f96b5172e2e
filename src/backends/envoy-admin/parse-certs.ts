import { type LoadedContext, serialKey } from "../../domain/trust/loaded-contexts.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";

/** A proxy for a thousand services has a few thousand contexts. */
const most = { contexts: 20_000, certificates: 200, uris: 100, uri: 2048 } as const;

class Flaw extends Error {}

/** Reads the answer to `GET /certs` (envoy.admin.v3.Certificates in JSON), which may be hostile. Refuses with one sentence. */
export function parseCerts(text: string): Result<readonly LoadedContext[], string> {
  try {
    const { certificates = [] } = object(JSON.parse(text));
    return ok(list(certificates, most.contexts).map(readContext));
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return refused("/certs: it is no JSON");
    if (thrown instanceof Flaw) return refused(`/certs: ${thrown.message}`);
    throw thrown;
  }
}

function readContext(value: unknown): LoadedContext {
  const { cert_chain: leaves = [], ca_cert: anchors = [] } = object(value);
  return {
    leaves: list(leaves, most.certificates).map((one) => ({ serial: readSerial(one), uris: readUris(one) })),
    anchors: list(anchors, most.certificates).map(readSerial),
  };
}

function readSerial(value: unknown): string {
  const { serial_number: serial } = object(value);
  if (typeof serial !== "string" || !/^[0-9a-fA-F]{1,64}$/.test(serial)) {
    throw new Flaw("a certificate without a serial number");
  }
  return serialKey(serial);
}

/** Names of other kinds (dns, ip_address) stand beside the URIs. */
function readUris(value: unknown): readonly string[] {
  const { subject_alt_names: names = [] } = object(value);
  return list(names, most.uris).flatMap((name) => {
    const { uri } = object(name);
    return typeof uri === "string" && uri.length <= most.uri ? [uri] : [];
  });
}

function object(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Flaw("something else than an object");
  return value as Readonly<Record<string, unknown>>;
}

function list(value: unknown, longest: number): readonly unknown[] {
  if (!Array.isArray(value)) throw new Flaw("something else than a list");
  if (value.length > longest) throw new Flaw(`a list of more than ${longest}`);
  return value;
}
