import { ok, type Result, refused } from "../../foundation/result.ts";

export type PemBlock = { readonly label: string; readonly der: Uint8Array };

const certificateLabel = "CERTIFICATE";

/** One textual encoding, lines of 64, ending in a newline. RFC 7468 §2. */
export function encodePem(label: string, der: Uint8Array): string {
  const base64 = Buffer.from(der.buffer, der.byteOffset, der.length).toString("base64");
  return `-----BEGIN ${label}-----\n${base64.replaceAll(/.{1,64}/g, "$&\n")}-----END ${label}-----\n`;
}

export const encodeCertificates = (chain: readonly Uint8Array[]): string =>
  chain.map((der) => encodePem(certificateLabel, der)).join("");

/**
 * Reads every block of a text; explanatory text between blocks is skipped (RFC 7468 §2), anything odd within one is refused.
 * Limits: 1 MiB of text, 64 blocks. The DER inside is not looked at.
 */
export function decodePem(text: string): Result<readonly PemBlock[], string> {
  if (text.length > 1 << 20) return refused("the PEM text is longer than 1 MiB");
  const lines = text.split(/\r\n|\n|\r/);
  const blocks: PemBlock[] = [];
  for (let at = 0; at < lines.length; at += 1) {
    const label = boundary(lines[at], "BEGIN");
    if (label === undefined) continue;
    if (blocks.length === 64) return refused("the PEM text has more than 64 blocks");
    const end = lines.indexOf(`-----END ${label}-----`, at);
    if (end < 0) return refused(`the PEM block "${label}" has no end`);
    const der = fromBase64(lines.slice(at + 1, end).join(""));
    if (der === undefined) return refused(`the PEM block "${label}" is not base64`);
    blocks.push({ label, der });
    at = end;
  }
  return ok(blocks);
}

/** The DER of every certificate in a text that holds at least one, and nothing but certificates. */
export function decodeCertificates(text: string): Result<readonly Uint8Array[], string> {
  const blocks = decodePem(text);
  if (!blocks.ok) return blocks;
  const stray = blocks.value.find((block) => block.label !== certificateLabel);
  if (stray !== undefined) return refused(`a PEM block is "${stray.label}" where only certificates belong`);
  return blocks.value.length > 0
    ? ok(blocks.value.map((block) => block.der))
    : refused("the PEM text holds no certificate");
}

const boundary = (line: string | undefined, kind: "BEGIN"): string | undefined =>
  line?.startsWith("-----") ? new RegExp(`^-----${kind} ([A-Z0-9 ]{1,64})-----$`).exec(line)?.[1] : undefined;

function fromBase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, "base64");
  return text.length > 0 && bytes.toString("base64") === text ? new Uint8Array(bytes) : undefined;
}
