import type { Command } from "commander";
import type { AdminClient } from "../../../backends/admin-client/admin-client.ts";
import { asFault, Fault } from "../../../foundation/fault.ts";
import { type AdminOptions, asAdminCommand, runAdmin } from "../admin-command.ts";
import type { CommandContext, CommandFrame, Reply } from "../command-frame.ts";
import { loadEntryFile } from "../dispatch.ts";
import { printable } from "../text-table.ts";
import { changesOf, type EntryFields, type EntryPlan, planEntries } from "./entry-plan.ts";
import { listEntries } from "./list-entries.ts";

const guide = `
Without --yes it shows what would change, and changes nothing:
  meshmint entry export > entries.yaml
  meshmint entry import entries.yaml            + to create, ~ to change (each field), - to delete (only with --prune)
  meshmint entry import entries.yaml --yes
An entry of the file is the one on the server with the same parent, SPIFFE ID and selectors; what the file leaves out of it has its
default. Changes go in groups of 500, each of them whole or not at all, what is new before what goes; whoever changes one of these
entries meanwhile is not overwritten: the import stops and says how far it came. Run again it goes on from there.

  entries:
    - spiffeId: spiffe://mesh.example/web
      parentId: spiffe://mesh.example/meshmint/agent/join_token/node-1
      selectors: [unix:user:web]
      ttl: 30m                  # left out: the server's default; so are dnsNames, hint, priority, labels, tenant, expiresAt`;

const atOnce = 500;

type ImportOptions = AdminOptions & {
  readonly prune: boolean;
  readonly yes: boolean;
  readonly parent?: string;
};

/** `meshmint entry export|import`: registrations as a file. */
export function registerEntryFiles(group: Command, frame: CommandFrame): void {
  asAdminCommand(group.command("export"))
    .description("all entries, or those of one parent, as YAML that `entry import` reads")
    .option("--parent <id>", "only this agent's")
    .action((options: AdminOptions & { parent?: string }) =>
      runAdmin(frame, options, async (client, { signal }) => {
        const entries = await listEntries(client, options, signal);
        const { entryFileText } = await loadEntryFile();
        return { text: entryFileText(entries), json: { entries } };
      }),
    );
  asAdminCommand(group.command("import"))
    .description("bring the server's entries to what a file says; shows the difference first")
    .argument("<file>", "as `entry export` writes it")
    .option("--yes", "do it", false)
    .option("--prune", "delete what the file does not have", false)
    .option("--parent <id>", "the file is about this agent's entries alone: --prune deletes no others")
    .addHelpText("after", guide)
    .action((file: string, options: ImportOptions) =>
      runAdmin(
        frame,
        options,
        async (client, context) => await importFile(client, { file, options }, context),
      ),
    );
}

async function importFile(
  client: AdminClient,
  { file, options }: { readonly file: string; readonly options: ImportOptions },
  context: CommandContext,
): Promise<Reply> {
  const { readEntryFile } = await loadEntryFile();
  const wanted = await readEntryFile(file);
  const { parent, prune, yes } = options;
  const stray = parent === undefined ? undefined : wanted.find(({ parentId }) => parentId !== parent);
  if (stray)
    throw new Fault(
      "CONFIG_INVALID",
      `${file}: ${stray.spiffeId} is for ${stray.parentId}, not for ${parent}`,
    );
  const present = await listEntries(client, parent === undefined ? {} : { parent }, context.signal);
  const plan = planEntries(wanted, present, { prune });
  if (yes) await apply(client, plan, context);
  return replyOf(plan, yes);
}

async function apply(
  client: AdminClient,
  plan: EntryPlan,
  { signal, progress }: CommandContext,
): Promise<void> {
  const changes = [
    ...plan.create.map((entry) => ({ create: message(entry) })),
    ...plan.change.map(({ before, after }) => ({ update: { ...before, ...message(after) } })),
    ...plan.remove.map(({ id, revision }) => ({ delete: { id, revision } })),
  ];
  for (let done = 0; done < changes.length; done += atOnce) {
    await client
      .call("ApplyEntries", { changes: changes.slice(done, done + atOnce) }, signal)
      .catch((thrown: unknown) => {
        const { code, message: why } = asFault(thrown);
        const how = `${done} of ${changes.length} changes were made before`;
        throw new Fault(code, `${why}\n${how}; import again for the rest`, { cause: thrown });
      });
    if (changes.length > atOnce)
      progress(`${Math.min(done + atOnce, changes.length)} of ${changes.length} changes`);
  }
}

const message = ({ selectors, dnsNames, labels, ...same }: EntryFields) => ({
  ...same,
  ...{ selectors: [...selectors], dnsNames: [...dnsNames], labels: { ...labels } },
});

function replyOf(plan: EntryPlan, isDone: boolean): Reply {
  const { create, change, remove, unchanged } = plan;
  const count = create.length + change.length + remove.length;
  const tense = isDone ? "was done" : "nothing was changed; --yes does it";
  const counts = `${create.length} to create, ${change.length} to change, ${remove.length} to delete, ${unchanged} as they are`;
  const lines = [
    ...create.map((entry) => `+ ${nameOf(entry)}`),
    ...change.flatMap(({ before, after }) => [`~ ${nameOf(after)}`, ...fieldsOf(before, after)]),
    ...remove.map((entry) => `- ${nameOf(entry)}`),
    count === 0 ? `${unchanged} entries as they are: there is nothing to do` : `${counts}: ${tense}`,
  ];
  const json = {
    applied: isDone && count > 0,
    create,
    change: change.map(({ before, after }) => ({ id: before.id, changes: changesOf(before, after) })),
    delete: remove.map(({ id }) => id),
    unchanged,
  };
  return { text: lines.join("\n"), json };
}

const nameOf = ({ spiffeId, parentId, selectors }: EntryFields): string =>
  printable(`${spiffeId}  ${selectors.join(" ")}  at ${parentId}`);

const fieldsOf = (before: EntryFields, after: EntryFields): string[] =>
  changesOf(before, after).map(
    (one) => `    ${one.field.padEnd(9)}  ${shown(one.before)} → ${shown(one.after)}`,
  );

const shown = (value: unknown): string =>
  printable(typeof value === "string" ? value : JSON.stringify(value));
