import {
  type ApplyRefusal,
  type EntryAct,
  type EntryRefusal,
  mostAtOnce,
} from "../../control/enrolment/entries.ts";
import type { RegistrationEntry } from "../../domain/identity/registration-entry.ts";
import { parseSpiffeId, type SpiffeId } from "../../domain/identity/spiffe-id.ts";
import type { EntryInput } from "../../domain/policy/entry-rules.ts";
import { Fault } from "../../foundation/fault.ts";
import type { Result } from "../../foundation/result.ts";
import type { EntryChange__Output } from "../../generated/meshmint/admin/v1/EntryChange.ts";
import type { ListEntriesRequest__Output } from "../../generated/meshmint/admin/v1/ListEntriesRequest.ts";
import type { Entry__Output } from "../../generated/meshmint/trust/v1/Entry.ts";
import { entryMessage } from "../grpc/trust-messages.ts";
import type { AdminHandlers } from "./handler.ts";
import type { AdminPorts } from "./ports.ts";

type Methods = "CreateEntry" | "GetEntry" | "ListEntries" | "UpdateEntry" | "DeleteEntry" | "ApplyEntries";
type Ports = Pick<AdminPorts, "entries" | "registrations">;

const mostPerPage = 1000;

export const entryHandlers = ({ entries, registrations }: Ports): AdminHandlers<Methods> => ({
  async CreateEntry({ entry }, act) {
    return entryMessage(done(await entries.create(inputOf(entry), act), entry?.id));
  },
  async GetEntry({ id }) {
    const entry = registrations.entry(id);
    if (!entry) throw notFound(id);
    return entryMessage(entry);
  },
  async ListEntries(request) {
    const found = matching(registrations, request);
    const from = found.findIndex(({ id }) => id > request.pageToken);
    const size = Math.min(request.pageSize || mostPerPage, mostPerPage);
    const page = from < 0 ? [] : found.slice(from, from + size);
    const hasMore = from >= 0 && from + size < found.length;
    return { entries: page.map(entryMessage), nextPageToken: hasMore ? (page.at(-1)?.id ?? "") : "" };
  },
  async UpdateEntry({ entry }, act) {
    const { id = "", revision = 0 } = entry ?? {};
    return entryMessage(done(await entries.update({ id, revision }, inputOf(entry), act), id));
  },
  async DeleteEntry({ id }, act) {
    done(await entries.remove(id, act), id);
    return {};
  },
  async ApplyEntries({ changes }, act) {
    if (changes.length > mostAtOnce)
      throw new Fault("INVALID_ARGUMENT", `changes: at most ${mostAtOnce} at once, not ${changes.length}`);
    const acts = changes.map(actOf);
    const applied = await entries.apply(acts, act);
    if (applied.ok) return { entries: applied.value.map(entryMessage) };
    throw refusedChange(applied.error, acts[applied.error.index]);
  },
});

function actOf(change: EntryChange__Output, index: number): EntryAct {
  if (change.create) return { create: inputOf(change.create) };
  if (change.update) {
    const { id, revision } = change.update;
    return { update: inputOf(change.update), read: { id, revision } };
  }
  if (!change.delete) throw new Fault("INVALID_ARGUMENT", `changes: number ${index + 1} says nothing`);
  const { id, revision } = change.delete;
  return { remove: revision === 0 ? { id } : { id, revision } };
}

function refusedChange(error: ApplyRefusal, act: EntryAct | undefined): Fault {
  const input = act && ("create" in act ? act.create : "update" in act ? act.update : undefined);
  const id = act && ("update" in act ? act.read.id : "remove" in act ? act.remove.id : "");
  const { code, message } = faultOf(error, id);
  const what = input ? `${input.spiffeId} for ${input.parentId}` : (id ?? "");
  return new Fault(code, `nothing was changed, for number ${error.index + 1} (${what}): ${message}`);
}

/** By id, so that pages neither repeat nor skip what was there all the time. */
function matching(
  registrations: Ports["registrations"],
  { parentId, spiffeId }: ListEntriesRequest__Output,
): RegistrationEntry[] {
  const parent = idOrAny("parentId", parentId);
  const wanted = idOrAny("spiffeId", spiffeId);
  const candidates = parent ? registrations.entriesOf(parent) : [...registrations.all()];
  return candidates
    .filter((entry) => wanted === undefined || entry.spiffeId === wanted)
    .toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

function idOrAny(field: string, text: string): SpiffeId | undefined {
  if (text === "") return undefined;
  const id = parseSpiffeId(text);
  if (!id.ok) throw new Fault("INVALID_ARGUMENT", `${field}: ${id.error}`);
  return id.value;
}

function inputOf(entry: Entry__Output | null): EntryInput {
  if (!entry) throw new Fault("INVALID_ARGUMENT", "entry: missing");
  const { spiffeId, parentId, selectors, dnsNames, hint, priority, labels, tenant } = entry;
  return {
    spiffeId,
    parentId,
    selectors,
    x509Ttl: entry.x509TtlSeconds,
    dnsNames,
    hint,
    priority,
    labels,
    tenant,
    expiresAtMs: Number(entry.expiresAtMs),
  };
}

function done(outcome: Result<RegistrationEntry, EntryRefusal>, id = ""): RegistrationEntry {
  if (outcome.ok) return outcome.value;
  throw faultOf(outcome.error, id);
}

function faultOf(error: EntryRefusal, id = ""): Fault {
  switch (error.code) {
    case "invalid":
      return new Fault("INVALID_ARGUMENT", error.flaws.join("\n"));
    case "not-found":
      return notFound(id);
    case "stale-revision":
      return new Fault(
        "STORE_CONFLICT",
        `entry ${id} was changed meanwhile: read it again and repeat the change`,
      );
    case "exists":
      return new Fault("STORE_CONFLICT", "an entry with this parent, SPIFFE ID and selectors exists already");
    default:
      return error satisfies never;
  }
}

const notFound = (id: string): Fault => new Fault("NOT_FOUND", `no entry has the id "${id}"`);
