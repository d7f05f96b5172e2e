import { type Command, Option } from "commander";
import type { AdminReply } from "../../../backends/admin-client/admin-client.ts";
import { parseDuration, toMs } from "../../../foundation/duration.ts";
import { Fault } from "../../../foundation/fault.ts";
import { type AdminOptions, asAdminCommand, collect, groupOf, runAdmin } from "../admin-command.ts";
import type { CommandFrame, Registration, Reply } from "../command-frame.ts";
import { textTable } from "../text-table.ts";
import { registerEntryFiles } from "./entry-import.ts";
import { listEntries } from "./list-entries.ts";
import { secondsOf } from "./token.ts";

type Entry = AdminReply<"GetEntry">;

/** What may be changed about an entry; what is left out stays as it is. */
type EntryOptions = {
  readonly spiffeId?: string;
  readonly parent?: string;
  readonly selector?: string[];
  readonly ttl?: string;
  readonly dns?: string[];
  readonly hint?: string;
  readonly priority?: string;
  readonly label?: string[];
  readonly tenant?: string;
  readonly expires?: string;
};

/** What makes an entry: needed to create one, and may be changed. */
const asks = {
  "--spiffe-id <id>": "the identity, such as spiffe://mesh.example/web",
  "--parent <id>": "the SPIFFE ID of the agent that may hand it out",
  "--selector <type:value>": "what a process must have, such as unix:uid:1000; repeat, all must hold",
} as const;

const withEntryOptions = (command: Command, areNeeded: boolean): Command => {
  for (const [flags, description] of Object.entries(asks)) {
    const option = new Option(flags, description).makeOptionMandatory(areNeeded);
    command.addOption(flags.startsWith("--selector") ? option.argParser(collect) : option);
  }
  return command
    .option("--ttl <duration>", "lifetime of its certificates; the server's default when left out")
    .option("--dns <name>", "a DNS name in its certificates; repeat", collect)
    .option("--hint <text>", "the Workload API's hint")
    .option("--priority <n>", "highest first: decides a process's default identity")
    .option("--label <key=value>", "repeat", collect)
    .option("--tenant <path>", "a path prefix, such as /payments")
    .option(
      "--expires <when>",
      "from then on nothing is issued by it, and it goes: a time such as 2027-01-31T18:00:00Z, a duration from now such as 30d, or never",
    );
};

/** `meshmint entry create|show|list|update|delete|export|import`: who may hold which identity. */
export const registerEntry: Registration = (program, frame) => {
  const group = groupOf(program, "entry", "registrations: which process on which node is which identity");
  withEntryOptions(asAdminCommand(group.command("create")), true)
    .description("register an identity; needs --spiffe-id, --parent and a --selector")
    .action((options: AdminOptions & EntryOptions) =>
      runAdmin(frame, options, async (client, { signal }) => {
        return one(await client.call("CreateEntry", { entry: fieldsOf(options) }, signal));
      }),
    );
  withEntryOptions(asAdminCommand(group.command("update")), false)
    .description("change what is named; refused when somebody else changed the entry meanwhile")
    .argument("<id>", "as `entry list` shows it")
    .action((id: string, options: AdminOptions & EntryOptions) =>
      runAdmin(frame, options, async (client, { signal }) => {
        const changes = fieldsOf(options);
        const before = await client.call("GetEntry", { id }, signal);
        return one(await client.call("UpdateEntry", { entry: { ...before, ...changes } }, signal));
      }),
    );
  registerReading(group, frame);
  registerEntryFiles(group, frame);
};

function registerReading(group: Command, frame: CommandFrame): void {
  asAdminCommand(group.command("show"))
    .description("one entry, whole")
    .argument("<id>", "as `entry list` shows it")
    .action((id: string, options: AdminOptions) =>
      runAdmin(frame, options, async (client, { signal }) =>
        one(await client.call("GetEntry", { id }, signal)),
      ),
    );
  asAdminCommand(group.command("list"))
    .description("all entries, or those of one parent or identity")
    .option("--parent <id>", "only this agent's")
    .option("--spiffe-id <id>", "only this identity's")
    .action((options: AdminOptions & { parent?: string; spiffeId?: string }) =>
      runAdmin(frame, options, async (client, { signal }) => {
        const entries = await listEntries(client, options, signal);
        const rows = entries.map((entry) => [
          entry.id,
          entry.spiffeId,
          entry.parentId,
          entry.selectors.join(" "),
        ]);
        return { text: textTable(["ID", "SPIFFE ID", "PARENT", "SELECTORS"], rows), json: { entries } };
      }),
    );
  asAdminCommand(group.command("delete"))
    .description("withdraw an identity; what was issued ends with its lifetime")
    .argument("<id>", "as `entry list` shows it")
    .action((id: string, options: AdminOptions) =>
      runAdmin(frame, options, async (client, { signal }) => {
        await client.call("DeleteEntry", { id }, signal);
        return { text: `${id}: deleted`, json: { id, deleted: true } };
      }),
    );
}

function fieldsOf(options: EntryOptions): Partial<Entry> {
  const { spiffeId, parent, selector, ttl, dns, hint, priority, label, tenant, expires } = options;
  return {
    ...(spiffeId === undefined ? {} : { spiffeId }),
    ...(parent === undefined ? {} : { parentId: parent }),
    ...(selector === undefined ? {} : { selectors: selector }),
    ...(ttl === undefined ? {} : { x509TtlSeconds: secondsOf(ttl, "--ttl") }),
    ...(dns === undefined ? {} : { dnsNames: dns }),
    ...(hint === undefined ? {} : { hint }),
    ...(priority === undefined ? {} : { priority: wholeNumber(priority, "--priority") }),
    ...(label === undefined ? {} : { labels: Object.fromEntries(label.map(keyAndValue)) }),
    ...(tenant === undefined ? {} : { tenant }),
    ...(expires === undefined ? {} : { expiresAtMs: String(momentOf(expires)) }),
  };
}

/** In milliseconds since 1970; 0 for never. */
function momentOf(text: string): number {
  if (text === "never") return 0;
  const span = parseDuration(text);
  if (span.ok) return Date.now() + toMs(span.value);
  const at = /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isFinite(at)) return at;
  throw new Fault("CONFIG_INVALID", `--expires: "${text}" is no time, no duration and not "never"`);
}

function wholeNumber(text: string, option: string): number {
  if (/^-?\d{1,9}$/.test(text)) return Number(text);
  throw new Fault("CONFIG_INVALID", `${option}: "${text}" is not a whole number`);
}

function keyAndValue(text: string): [string, string] {
  const at = text.indexOf("=");
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  throw new Fault("CONFIG_INVALID", `--label: "${text}" is not key=value`);
}

function one(entry: Entry): Reply {
  const lines = Object.entries(entry).map(([key, value]) => [
    key,
    typeof value === "object" && value !== null ? JSON.stringify(value) : String(value),
  ]);
  return { text: textTable(["KEY", "VALUE"], lines), json: entry };
}
