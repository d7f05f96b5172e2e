import { sha256Hex } from "../../foundation/digest.ts";
import { SecretDiscoveryService } from "../../wire/sds-api.ts";
import { secretType } from "./encode-secret.ts";
import type { Encoding } from "./secret-encodings.ts";

const { StreamSecrets, DeltaSecrets } = SecretDiscoveryService.service;

const sotwParts = new WeakMap<Encoding, Buffer>();
const deltaParts = new WeakMap<Encoding, Buffer>();

/**
 * Responses in their wire form. Protobuf lets the fields of a message be serialised apart and put together (repeated
 * fields append): the resource, which is the same for everybody, is serialised once, and only the nonce per stream.
 */
export function sotwFrame(encodings: readonly Encoding[], nonce: string): Buffer {
  const parts = encodings.map((encoding) =>
    once(sotwParts, encoding, () => StreamSecrets.responseSerialize({ resources: [anyOf(encoding)] })),
  );
  const versionInfo = versionOf(encodings);
  return Buffer.concat([
    ...parts,
    StreamSecrets.responseSerialize({ versionInfo, typeUrl: secretType, nonce }),
  ]);
}

export function deltaFrame(
  encodings: readonly Encoding[],
  response: { readonly nonce: string; readonly removed: readonly string[] },
): Buffer {
  const parts = encodings.map((encoding) => once(deltaParts, encoding, () => deltaPart(encoding)));
  return Buffer.concat([
    ...parts,
    DeltaSecrets.responseSerialize({
      // For people only, but it is what Envoy shows as version_text (D5).
      systemVersionInfo: versionOf(encodings),
      typeUrl: secretType,
      nonce: response.nonce,
      removedResources: [...response.removed],
    }),
  ]);
}

const deltaPart = (encoding: Encoding): Buffer => {
  const { name, version } = encoding.content;
  return DeltaSecrets.responseSerialize({ resources: [{ name, version, resource: anyOf(encoding) }] });
};

const anyOf = ({ bytes }: Encoding) => ({ type_url: secretType, value: bytes });

/** One secret gives its own hash; several give the hash of theirs. */
function versionOf(encodings: readonly Encoding[]): string {
  const versions = encodings.map(({ content }) => content.version);
  return versions.length === 1 ? (versions[0] ?? "") : sha256Hex(versions.join());
}

function once(cache: WeakMap<Encoding, Buffer>, encoding: Encoding, make: () => Buffer): Buffer {
  const known = cache.get(encoding) ?? make();
  cache.set(encoding, known);
  return known;
}
