import type { Brand } from "../../foundation/brand.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";
import { parseTrustDomain, type TrustDomain } from "./trust-domain.ts";

/** A SPIFFE ID such as `spiffe://mesh.example/ns/default/sa/web`; minted only by parseSpiffeId. SPIFFE-ID §2. */
export type SpiffeId = Brand<string, "SpiffeId">;

const scheme = "spiffe://";
const longest = 2048; // SPIFFE-ID §2.3: implementations must support up to 2048 bytes

/** Parses a SPIFFE ID with or without a path. Refuses, with a sentence, whatever SPIFFE-ID §2 forbids. */
export function parseSpiffeId(text: string): Result<SpiffeId, string> {
  if (text.length > longest) return refused(`a SPIFFE ID is at most ${longest} bytes long`);
  if (!text.startsWith(scheme)) return refused('a SPIFFE ID begins with "spiffe://"');
  const rest = text.slice(scheme.length);
  const slash = rest.indexOf("/");
  const domain = parseTrustDomain(slash < 0 ? rest : rest.slice(0, slash));
  if (!domain.ok) return domain;
  const flaw = slash < 0 ? undefined : pathFlaw(rest.slice(slash));
  return flaw === undefined ? ok(text as SpiffeId) : refused(flaw);
}

/** SPIFFE-ID §2.2: segments of letters, digits, dots, dashes, underscores; none empty, `.` or `..`. */
function pathFlaw(path: string): string | undefined {
  for (const segment of path.slice(1).split("/")) {
    if (segment === "") return "a SPIFFE ID path has no empty segment and no trailing slash";
    if (segment === "." || segment === "..") return "a SPIFFE ID path has no dot segments";
    if (!/^[A-Za-z0-9._-]+$/.test(segment)) {
      return "a SPIFFE ID path holds only letters, digits, dots, dashes and underscores";
    }
  }
  return undefined;
}

export function trustDomainOf(id: SpiffeId): TrustDomain {
  const slash = id.indexOf("/", scheme.length);
  return (slash < 0 ? id.slice(scheme.length) : id.slice(scheme.length, slash)) as TrustDomain;
}

/** The path with its leading slash, or "" for the ID of the trust domain itself. */
export function pathOf(id: SpiffeId): string {
  const slash = id.indexOf("/", scheme.length);
  return slash < 0 ? "" : id.slice(slash);
}
