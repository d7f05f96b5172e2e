import { ok, type Result, refused } from "../../foundation/result.ts";
import { parseSpiffeId, type SpiffeId } from "../identity/spiffe-id.ts";
import type { TrustDomain } from "../identity/trust-domain.ts";

type Segment = { readonly before: string; readonly field: string | undefined; readonly after: string };

/** How an agent's ID is made of what its node has proved: the segments behind `/meshmint/agent/ATTESTOR/`. */
export type AgentIdTemplate = { readonly segments: readonly Segment[] };

const longest = 512;
const literal = "[A-Za-z0-9._-]*";
const segmentForm = new RegExp(`^(${literal})(?:\\{([^{}]{1,256})\\}(${literal}))?$`);

/**
 * Reads a template such as `{subject.commonName}` or `rack-{subject.organizationalUnit}/{subject.commonName}`. Refuses one without a
 * field, and one with two fields in a segment: values of two nodes could then make one ID.
 */
export function parseAgentIdTemplate(
  text: string,
  fieldFlaw: (field: string) => string | undefined,
): Result<AgentIdTemplate, string> {
  if (text.length > longest) return refused(`is longer than ${longest} characters`);
  const segments = splitSegments(text).map(readSegment);
  if (segments.some((segment) => segment === undefined))
    return refused(
      `"${text}" is no template: segments of letters, digits, dots, dashes and underscores, each with one {field} at most`,
    );
  const whole = segments.filter((segment) => segment !== undefined);
  const fields = whole.flatMap(({ field }) => field ?? []);
  if (fields.length === 0) return refused(`"${text}" names no field: every node would have one ID`);
  const flaw = fields.map(fieldFlaw).find((found) => found !== undefined);
  return flaw === undefined ? ok({ segments: whole }) : refused(flaw);
}

/** At the slashes that stand outside of braces. */
const splitSegments = (text: string): string[] => text.split(/\/(?![^{}]*\})/);

function readSegment(text: string): Segment | undefined {
  const found = segmentForm.exec(text);
  if (found === null || text === "") return undefined;
  return { before: found[1] ?? "", field: found[2], after: found[3] ?? "" };
}

/** Refused when a field has no value, or one that does not fit into a segment of a SPIFFE ID (SPIFFE-ID §2.2). */
export function fillAgentId(
  template: AgentIdTemplate,
  into: { readonly trustDomain: TrustDomain; readonly under: string },
  read: (field: string) => string | undefined,
): Result<SpiffeId, string> {
  const path: string[] = [];
  for (const { before, field, after } of template.segments) {
    const value = field === undefined ? "" : read(field);
    if (value === undefined || (field !== undefined && value === ""))
      return refused(`there is no one value for {${field}}`);
    if (!/^[A-Za-z0-9._-]*$/.test(value) || value.length > 255)
      return refused(`the value of {${field}} does not fit into a SPIFFE ID`);
    path.push(before + value + after);
  }
  return parseSpiffeId(`spiffe://${into.trustDomain}/meshmint/agent/${into.under}/${path.join("/")}`);
}
