/**
 * Why a text cannot be a DNS name in a certificate, or undefined when it can: letters, digits and inner dashes
 * (RFC 1123 §2.1), lower case so that equal names are equal bytes, no wildcard, nothing that reads as an IP address.
 */
export function dnsNameFlaw(name: string): string | undefined {
  if (name.length === 0 || name.length > 253) return "a DNS name has 1 to 253 characters";
  if (name !== name.toLowerCase()) return `write "${name}" in lower case`;
  if (name.includes("*")) return `"${name}": wildcards are not issued; name each host`;
  const labels = name.split(".");
  if (!labels.every((label) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(label))) {
    return `"${name}" is not a DNS name: labels of 1 to 63 letters, digits and inner dashes, joined by dots`;
  }
  if (/^\d+$/.test(labels.at(-1) ?? "")) return `"${name}" reads as an IP address`;
  return undefined;
}
