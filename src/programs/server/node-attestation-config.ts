import { z } from "zod";
import { parseAgentIdTemplate } from "../../domain/attestation/agent-id-template.ts";
import { parseClaimPath } from "../../domain/attestation/claims.ts";
import { certificateFieldFlaw } from "../../domain/attestation/subject-fields.ts";
import { hours, minutes, seconds } from "../../foundation/duration.ts";
import { durationWithin, type FilePieces, parsedBy } from "../config/config-pieces.ts";

const template = (fieldFlaw: (field: string) => string | undefined) =>
  parsedBy((text) => parseAgentIdTemplate(text, fieldFlaw));

const claimFlaw = (field: string): string | undefined => {
  const path = parseClaimPath(field);
  return path.ok ? undefined : path.error;
};

const httpsUrl = z
  .url({ protocol: /^https$/, error: "is no https URL" })
  .max(2048)
  .refine((url) => !/[?#@]/.test(url), "has a query, a fragment or a user; an issuer's URL has none");

/** Whose tokens, and where its keys are. */
const issuerKeys = (path: FilePieces["path"]) => ({
  /** A segment of the agents' IDs, and the issuer's name in logs and metrics. */
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "is not a name of lower-case letters, digits and -"),
  /** As its tokens have it (`iss`). */
  issuer: z.string().min(1).max(2048),
  /** One that nobody else takes tokens for. */
  audience: z.string().min(1).max(2048),
  /** Where its keys are, unless its discovery document says so. */
  jwksFile: path.optional(),
  jwksUrl: httpsUrl.optional(),
  /** PEM authorities of its TLS certificate; the system's when left out. */
  caFile: path.optional(),
  /** Sent to the issuer, as a Kubernetes API server may ask for. */
  bearerTokenFile: path.optional(),
  refreshEvery: durationWithin(seconds(10), hours(24)).prefault("5m"),
  /** How long the last good keys serve while the issuer cannot be reached. */
  keepKeysFor: durationWithin(seconds(0), hours(24 * 7)).prefault("12h"),
  clockSkew: durationWithin(seconds(0), minutes(5)).prefault("30s"),
});

const claimRule = z
  .strictObject({
    claim: parsedBy(parseClaimPath),
    equals: z.union([z.string(), z.number(), z.boolean()]).optional(),
    oneOf: z.array(z.string()).min(1).max(256).optional(),
    startsWith: z.string().min(1).optional(),
  })
  .transform(({ claim, equals, oneOf, startsWith }, context) => {
    const asked = [equals, oneOf, startsWith].filter((value) => value !== undefined);
    if (asked.length === 1 && equals !== undefined) return { claim, equals };
    if (asked.length === 1 && oneOf !== undefined) return { claim, oneOf };
    if (asked.length === 1 && startsWith !== undefined) return { claim, startsWith };
    context.addIssue({ code: "custom", message: "has not exactly one of equals, oneOf and startsWith" });
    return z.NEVER;
  });

type Placed = {
  readonly issuer: string;
  readonly jwksFile?: string | undefined;
  readonly jwksUrl?: string | undefined;
};

function refuseOddSource({ issuer, jwksFile, jwksUrl }: Placed, context: z.RefinementCtx): void {
  const complain = (key: string, message: string) =>
    context.addIssue({ code: "custom", path: [key], message });
  if (jwksFile !== undefined && jwksUrl !== undefined)
    complain("jwksUrl", "is set beside jwksFile; keep one of the two");
  if (jwksFile === undefined && jwksUrl === undefined && !httpsUrl.safeParse(issuer).success)
    complain("issuer", "is no https URL to discover its keys at; set jwksUrl or jwksFile");
}

type Named = readonly { readonly name: string; readonly issuer: string }[];
const areApart = (issuers: Named): boolean =>
  new Set(issuers.map(({ name }) => name)).size === issuers.length &&
  new Set(issuers.map(({ issuer }) => issuer)).size === issuers.length;
const notApart = "two issuers have one name or one issuer";

const oidcIssuer = (path: FilePieces["path"]) =>
  z
    .strictObject({
      ...issuerKeys(path),
      /** All of them are asked; without one, whoever gets a token of the issuer for the audience would be a node. */
      rules: z.array(claimRule).min(1).max(32),
      /** What stands behind `/meshmint/agent/oidc/NAME/`. */
      agentId: template(claimFlaw),
    })
    .superRefine(refuseOddSource);

const cluster = (path: FilePieces["path"]) =>
  z
    .strictObject({
      ...issuerKeys(path),
      /** `NAMESPACE:NAME` of those that agents run as. */
      serviceAccounts: z
        .array(z.string().regex(/^[a-z0-9.-]{1,63}:[a-z0-9.-]{1,253}$/, "is not NAMESPACE:NAME"))
        .min(1)
        .max(32),
      /** What stands behind `/meshmint/agent/k8s_psat/NAME/`. */
      agentId: template(claimFlaw).prefault("{kubernetes.io/node/name}"),
    })
    .superRefine(refuseOddSource);

/** How nodes may prove themselves, beside join tokens. */
export const nodeAttestationSection = (path: FilePieces["path"]) =>
  z
    .strictObject({
      x509pop: z
        .strictObject({
          /** PEM files with the authorities of the nodes' certificates. */
          caFiles: z.array(path).min(1).max(16),
          /** What stands behind `/meshmint/agent/x509pop/`. */
          agentId: template(certificateFieldFlaw).prefault("{publicKeySha256}"),
        })
        .optional(),
      oidc: z.array(oidcIssuer(path)).max(16).refine(areApart, notApart).default([]),
      k8sPsat: z.array(cluster(path)).max(16).refine(areApart, notApart).default([]),
    })
    .prefault({});
