import type { Seconds } from "../../foundation/duration.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";
import { dnsNameFlaw } from "../certificate/dns-name.ts";
import type { LeafIssuer } from "../certificate/leaf-issuer.ts";
import { idFlaw } from "../certificate/profile.ts";
import type { RegistrationEntry } from "../identity/registration-entry.ts";
import { parseSpiffeId, type SpiffeId, trustDomainOf } from "../identity/spiffe-id.ts";
import type { TrustDomain } from "../identity/trust-domain.ts";
import { leafFlaws } from "./entry-leaf.ts";
import { selectorFlaws } from "./selector.ts";

/** A registration as an operator wrote it: nothing in it has been checked. */
export type EntryInput = Omit<
  RegistrationEntry,
  "id" | "spiffeId" | "parentId" | "x509Ttl" | "expiresAt" | "revision" | "createdAt"
> & {
  readonly spiffeId: string;
  readonly parentId: string;
  readonly x509Ttl: number;
  /** Milliseconds since 1970; left out or 0 where it has no end. */
  readonly expiresAtMs?: number;
};

/** A registration that passed every rule, before the store gives it id, revision and age. */
export type EntryDraft = Omit<RegistrationEntry, "id" | "revision" | "createdAt">;

export type EntryRules = {
  readonly trustDomain: TrustDomain;
  /** No SVID of an entry may live longer. */
  readonly ttlCap: Seconds;
  /** IDs that bear an admin role: an entry for one would hand the role to a workload. */
  readonly roleBearers: ReadonlySet<SpiffeId>;
  /** The authorities that sign its leaves, now or when a rotation has come so far: each must be able to. */
  readonly issuers: readonly LeafIssuer[];
  readonly now: Date;
};

const latestMs = Date.UTC(9999, 11, 31);
const most = { selectors: 32, dnsNames: 64, labels: 64, hintBytes: 1024, labelValue: 1024 };

/** Checks an operator's registration. Refuses with every flaw, one sentence each, the field first. */
export function parseEntry(input: EntryInput, rules: EntryRules): Result<EntryDraft, readonly string[]> {
  const spiffeId = parseSpiffeId(input.spiffeId);
  const parentId = parseSpiffeId(input.parentId);
  const flaws = [
    ...idFlaws(spiffeId, rules).map((flaw) => `spiffeId: ${flaw}`),
    ...parentFlaws(parentId, rules).map((flaw) => `parentId: ${flaw}`),
    ...selectorListFlaws(input.selectors).map((flaw) => `selectors: ${flaw}`),
    ...ttlFlaws(input.x509Ttl, rules.ttlCap).map((flaw) => `x509Ttl: ${flaw}`),
    ...namesFlaws(input.dnsNames, spiffeId, rules).map((flaw) => `dnsNames: ${flaw}`),
    ...hintFlaws(input.hint).map((flaw) => `hint: ${flaw}`),
    ...priorityFlaws(input.priority).map((flaw) => `priority: ${flaw}`),
    ...labelFlaws(input.labels).map((flaw) => `labels: ${flaw}`),
    ...tenantFlaws(input.tenant, input.spiffeId, rules).map((flaw) => `tenant: ${flaw}`),
    ...expiryFlaws(input.expiresAtMs, rules.now).map((flaw) => `expiresAt: ${flaw}`),
  ];
  if (!spiffeId.ok || !parentId.ok || flaws.length > 0) return refused(flaws);
  return ok({
    spiffeId: spiffeId.value,
    parentId: parentId.value,
    selectors: input.selectors.toSorted(), // equal sets are equal lists
    x509Ttl: input.x509Ttl as Seconds,
    dnsNames: input.dnsNames,
    hint: input.hint,
    priority: input.priority,
    labels: input.labels,
    tenant: input.tenant,
    ...(input.expiresAtMs && { expiresAt: new Date(input.expiresAtMs) }),
  });
}

function idFlaws(id: Result<SpiffeId, string>, { trustDomain, roleBearers }: EntryRules): string[] {
  if (!id.ok) return [id.error];
  if (trustDomainOf(id.value) !== trustDomain) return [foreign(id.value, trustDomain)];
  const flaw = idFlaw("workload", id.value);
  if (flaw !== undefined) return [flaw];
  return roleBearers.has(id.value)
    ? ["this ID bears an admin role; a security officer may register it on the server's own socket"]
    : [];
}

function parentFlaws(id: Result<SpiffeId, string>, { trustDomain }: EntryRules): string[] {
  if (!id.ok) return [id.error];
  if (trustDomainOf(id.value) !== trustDomain) return [foreign(id.value, trustDomain)];
  const flaw = idFlaw("node", id.value);
  return flaw === undefined ? [] : [`a parent is an agent (\`meshmint agent list\` shows them): ${flaw}`];
}

const foreign = (id: SpiffeId, own: TrustDomain): string =>
  `${id} is of another trust domain; this server issues for spiffe://${own}`;

function selectorListFlaws(selectors: readonly string[]): string[] {
  if (selectors.length === 0) return ["at least one is needed, or the entry would be for every process"];
  return selectors.length > most.selectors ? [`at most ${most.selectors}`] : selectorFlaws(selectors);
}

function ttlFlaws(ttl: number, cap: Seconds): string[] {
  if (!Number.isInteger(ttl) || ttl < 0) return ["whole seconds, 0 for the profile's default"];
  return ttl > cap ? [`${ttl}s is above this server's cap of ${cap}s`] : [];
}

function namesFlaws(
  dnsNames: readonly string[],
  id: Result<SpiffeId, string>,
  { issuers }: EntryRules,
): readonly string[] {
  const flaws = dnsFlaws(dnsNames);
  return flaws.length > 0 || !id.ok ? flaws : leafFlaws({ spiffeId: id.value, dnsNames }, issuers);
}

function dnsFlaws(names: readonly string[]): string[] {
  if (names.length > most.dnsNames) return [`at most ${most.dnsNames}`];
  const flaws = names.map(dnsNameFlaw).filter((flaw) => flaw !== undefined);
  return new Set(names).size < names.length ? [...flaws, "a name is there twice"] : flaws;
}

/** Workload API hints are shown to people and matched by programs. SPIFFE Workload API §5.2.1: at most 1024 bytes. */
function hintFlaws(hint: string): string[] {
  if (new TextEncoder().encode(hint).length > most.hintBytes) return [`at most ${most.hintBytes} bytes`];
  return /\p{Cc}/u.test(hint) ? ["no control characters"] : [];
}

/** Whoever writes one that is over has mistyped a year: it would be gone at once. */
function expiryFlaws(atMs: number | undefined, now: Date): string[] {
  if (atMs === undefined || atMs === 0) return [];
  if (!Number.isSafeInteger(atMs) || atMs < 0 || atMs > latestMs) return ["is no time before the year 10000"];
  return atMs > now.getTime() ? [] : [`${new Date(atMs).toISOString()} is over`];
}

const priorityFlaws = (priority: number): string[] =>
  Number.isInteger(priority) && Math.abs(priority) < 2 ** 31 ? [] : ["a whole number of at most 31 bits"];

function labelFlaws(labels: Readonly<Record<string, string>>): string[] {
  const pairs = Object.entries(labels);
  if (pairs.length > most.labels) return [`at most ${most.labels}`];
  return pairs.flatMap(([key, value]) => [
    ...(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$/.test(key) ? [] : [`"${key}" is no label name`]),
    ...(value.length <= most.labelValue && !/\p{Cc}/u.test(value)
      ? []
      : [`the value of "${key}" is too long`]),
  ]);
}

function tenantFlaws(tenant: string, spiffeId: string, { trustDomain }: EntryRules): string[] {
  if (tenant === "") return [];
  const root = `spiffe://${trustDomain}${tenant}`;
  if (!tenant.startsWith("/") || !parseSpiffeId(root).ok) return [`"${tenant}" is no path such as /payments`];
  return spiffeId === root || spiffeId.startsWith(`${root}/`) ? [] : [`${spiffeId} is not under ${tenant}`];
}
