/**
 * Why a text is no DNS name for a leaf, or undefined: lower-case letters, digits and inner hyphens, labels of 1 to 63,
 * 253 characters at most (RFC 5280 §4.2.1.6, RFC 1034 §3.5). Wildcards are refused: they turn one identity into many.
 */
export function dnsNameFlaw(name: string): string | undefined {
  if (name.length === 0 || name.length > 253) return "a DNS name has 1 to 253 characters";
  const label = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
  const wrong = name.split(".").find((part) => !label.test(part));
  if (wrong !== undefined)
    return `"${wrong}" is no label of a DNS name (lower case, no wildcard, no trailing dot)`;
  return /^[0-9.]+$/.test(name) ? "an IP address is no DNS name" : undefined;
}
