import { days, type Seconds, seconds } from "../../foundation/duration.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";
import type { Grade, HeldSecret, Holder, Left, Trouble } from "./holder.ts";
import {
  gradeNames,
  type HeldSecretRecord,
  type HolderRecord,
  holderKindNames,
  type TroubleRecord,
  troubleKindNames,
} from "./holder-record.ts";

/** What a report may carry at most; one Envoy holds a secret per cluster and listener, so thousands are honest. */
const limits = { text: 2048, secrets: 4096, names: 64 } as const;
const latestMs = 8_640_000_000_000_000; // ECMA-262 §21.4.1.1: the range of a Date

const longestPropagation = days(365);

class Flaw extends Error {}

/** Reads a holder from a message or a file that may be hostile. Refuses with one sentence that names the field. */
export function parseHolder(record: HolderRecord): Result<Holder, string> {
  try {
    return ok(readHolder(record));
  } catch (thrown) {
    if (thrown instanceof Flaw) return refused(thrown.message);
    throw thrown;
  }
}

function readHolder(record: HolderRecord): Holder {
  const kind = holderKindNames[record.kind];
  if (!kind) throw new Flaw(`kind: ${JSON.stringify(record.kind)} is not a kind of holder`);
  if (!Array.isArray(record.secrets) || record.secrets.length > limits.secrets) {
    throw new Flaw(`secrets: a holder has at most ${limits.secrets} of them`);
  }
  if (!Number.isSafeInteger(record.pid) || record.pid < 0) throw new Flaw("pid: not a process number");
  return {
    agentId: text("agentId", record.agentId),
    spiffeId: text("spiffeId", record.spiffeId),
    pid: record.pid,
    startTime: text("startTime", record.startTime),
    kind,
    label: text("label", record.label),
    secrets: record.secrets.map(readSecret),
    lastSeenAt: time("lastSeenMs", record.lastSeenMs) ?? new Date(0),
    gone: record.gone === true,
    troubles: readTroubles(record.troubles ?? []),
    propagation: readPropagation(record.propagationSeconds ?? 0),
  };
}

function readPropagation(value: number): Seconds {
  if (!Number.isSafeInteger(value) || value < 0 || value > longestPropagation)
    throw new Flaw(`propagationSeconds: at most ${longestPropagation} seconds are expected`);
  return seconds(value);
}

function readTroubles(records: readonly TroubleRecord[]): readonly Trouble[] {
  if (!Array.isArray(records) || records.length > Object.keys(troubleKindNames).length) {
    throw new Flaw("troubles: at most one of each kind is expected");
  }
  const troubles = records.map(readTrouble);
  if (new Set(troubles.map(({ kind }) => kind)).size < troubles.length) {
    throw new Flaw("troubles: at most one of each kind is expected");
  }
  return troubles;
}

function readTrouble(record: TroubleRecord): Trouble {
  const kind = troubleKindNames[record.kind];
  const since = time("sinceMs", record.sinceMs);
  if (!kind) throw new Flaw(`kind: ${JSON.stringify(record.kind)} is not a kind of trouble`);
  if (!since) throw new Flaw("sinceMs: a trouble has a beginning");
  return { kind, since, reason: text("reason", record.reason) };
}

function readSecret(record: HeldSecretRecord): HeldSecret {
  const base = {
    name: text("name", record.name),
    channel: text("channel", record.channel),
    openedAt: time("openedAtMs", record.openedAtMs) ?? new Date(0),
    left: readLeft(record),
    refusal: readRefusal(record),
  };
  if (record.kind === "SECRET_KIND_BUNDLE") return { ...base, ...readBundle(record) };
  if (record.kind === "SECRET_KIND_LEAF") return { ...base, ...readLeaf(record) };
  throw new Flaw(`kind: ${JSON.stringify(record.kind)} is not a kind of secret`);
}

function readBundle(record: HeldSecretRecord) {
  const at = time("deliveredAtMs", record.deliveredAtMs);
  const version = text("deliveredVersion", record.deliveredVersion);
  const anchors = digests("deliveredAnchors", record.deliveredAnchors);
  return {
    kind: "bundle" as const,
    delivered: at && { at, content: { kind: "bundle" as const, version, anchors } },
    acknowledged: readAcknowledgement(record),
    acceptedAnchors: digests("acceptedAnchors", record.acceptedAnchors),
  };
}

function readLeaf(record: HeldSecretRecord) {
  const acknowledgement = readAcknowledgement(record);
  return {
    kind: "leaf" as const,
    delivered: readDeliveredLeaf(record),
    acknowledged: acknowledgement && {
      ...acknowledgement,
      serial: text("acknowledgedSerial", record.acknowledgedSerial),
      authorityKeyId: text("acknowledgedAuthority", record.acknowledgedAuthority),
    },
    lastNotAfter: time("lastNotAfterMs", record.lastNotAfterMs),
    liveAuthorities: keyIds("liveAuthorities", record.liveAuthorities),
  };
}

function readDeliveredLeaf(record: HeldSecretRecord) {
  const at = time("deliveredAtMs", record.deliveredAtMs);
  const notAfter = time("deliveredNotAfterMs", record.deliveredNotAfterMs);
  if (at && !notAfter) throw new Flaw("deliveredNotAfterMs: a delivered leaf has an end");
  if (!at || !notAfter) return undefined;
  const version = text("deliveredVersion", record.deliveredVersion);
  const serial = text("deliveredSerial", record.deliveredSerial);
  const authorityKeyId = text("deliveredAuthority", record.deliveredAuthority);
  return { at, content: { kind: "leaf" as const, version, serial, authorityKeyId, notAfter } };
}

function readAcknowledgement(record: HeldSecretRecord) {
  const at = time("acknowledgedAtMs", record.acknowledgedAtMs);
  const grade: Grade | undefined = gradeNames[record.grade];
  if (at && !grade) throw new Flaw(`grade: ${JSON.stringify(record.grade)} is not a grade of acceptance`);
  if (!at || !grade) return undefined;
  return { at, version: text("acknowledgedVersion", record.acknowledgedVersion), grade };
}

function readLeft(record: HeldSecretRecord): Left | undefined {
  const at = time("leftAtMs", record.leftAtMs);
  if (!record.subscribed) return { how: "unsubscribed", at: at ?? new Date(0) };
  return at && { how: "closed", at };
}

function readRefusal(record: HeldSecretRecord): HeldSecret["refusal"] {
  const at = time("refusedAtMs", record.refusedAtMs);
  return at && { reason: text("refusal", record.refusal), at };
}

function text(field: string, value: string): string {
  if (typeof value !== "string" || value.length > limits.text) {
    throw new Flaw(`${field}: a text of at most ${limits.text} characters is expected`);
  }
  return value;
}

function time(field: string, value: string): Date | undefined {
  if (typeof value !== "string" || !/^\d{1,16}$/.test(value) || Number(value) > latestMs) {
    throw new Flaw(`${field}: milliseconds since 1970 are expected`);
  }
  return value === "0" ? undefined : new Date(Number(value));
}

const digests = (field: string, values: readonly string[]): readonly string[] =>
  names(values, /^[0-9a-f]{64}$/, `${field}: at most ${limits.names} SHA-256 in lower-case hexadecimal`);

const keyIds = (field: string, values: readonly string[]): readonly string[] =>
  names(values, /^[0-9a-f]{2,128}$/, `${field}: at most ${limits.names} key ids in lower-case hexadecimal`);

function names(values: readonly string[], form: RegExp, expected: string): readonly string[] {
  const fine = (value: unknown) => typeof value === "string" && form.test(value);
  if (!Array.isArray(values) || values.length > limits.names || !values.every(fine)) {
    throw new Flaw(`${expected} are expected`);
  }
  return [...values];
}
