import type { Command } from "commander";
import { Fault } from "../../../foundation/fault.ts";
import { collect } from "../admin-command.ts";
import { type CommandFrame, type OutputFormat, outputOption, type Registration } from "../command-frame.ts";
import { loadAdminClient, loadCeremony, loadOrphans } from "../dispatch.ts";
import { printable } from "../text-table.ts";

const ceremonies = [
  ["root", "make a root: key in the offline token, self-signed"],
  ["intermediate", "make a stock of issuing intermediates: keys in the issuing token, certified by the root"],
  ["cross", "sign the new root with the old root's key, so that who knows only the old one follows"],
] as const;

const guide = `
Order: root, intermediate; for a second root: root, intermediate, cross (each with a configuration of its own).
Nothing is ever overwritten. Each ceremony writes PEM files and a transcript with the hash of all that it made.
  meshmint ceremony root -c ceremony.yaml --dry-run     what would be done; makes nothing`;

type Options = { config: string; dryRun: boolean; output: OutputFormat };

/** `meshmint ceremony root|intermediate|cross`: the only command that opens the offline token. */
export const registerCeremony: Registration = (program, frame) => {
  const group = program
    .command("ceremony")
    .description("make roots, intermediates and cross-certificates in their tokens")
    .addHelpText("after", guide);
  for (const [kind, description] of ceremonies) register({ group, frame, kind, description });
  registerOrphans(group, frame);
};

type OrphanOptions = {
  config: string;
  destroy?: string[];
  yes: boolean;
  admin?: string;
  output: OutputFormat;
};

function registerOrphans(group: Command, frame: CommandFrame): void {
  group
    .command("orphans")
    .description(
      "list keys without a certificate, which no ceremony finished with, and destroy those that are named",
    )
    .requiredOption("-c, --config <file>", "configuration with `program: ceremony`")
    .option("--destroy <key-id>", "destroy this orphan; may be given several times", collect)
    .option("--admin <socket>", "ask this server first, and destroy nothing that it knows as an authority")
    .option("--yes", "without it --destroy only says what it would destroy", false)
    .addOption(outputOption())
    .action(({ config, destroy = [], yes, admin, output }: OrphanOptions) =>
      frame.run(output, async ({ signal }) => {
        if (admin !== undefined) await refuseAuthorities(admin, destroy, signal);
        const reconcileOrphans = await loadOrphans();
        const tokens = await reconcileOrphans({ configFile: config, destroy: yes ? destroy : [] });
        const lines = tokens.flatMap(({ token, present, authorities, orphans, destroyed }) => [
          present ? `${token}: ${authorities} authorities` : `${token}: not there`,
          ...orphans.map(({ keyId, label }) => `  orphan     ${keyId || "-"} ${printable(label)}`),
          ...destroyed.map(({ keyId, label }) => `  destroyed  ${keyId || "-"} ${printable(label)}`),
        ]);
        const hint = destroy.length > 0 && !yes ? ["nothing was destroyed: add --yes"] : [];
        return { text: [...lines, ...hint].join("\n"), json: { tokens } };
      }),
    );
}

/** Rejects with CEREMONY_REFUSED for a key that the server has known as an authority, and with SERVER_UNAVAILABLE. */
async function refuseAuthorities(
  admin: string,
  destroy: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const Client = await loadAdminClient();
  const client = new Client(admin);
  try {
    const { items } = await client.call("GetStock", {}, signal);
    const known = items.find(({ keyId, state }) => destroy.includes(keyId) && state !== "orphaned");
    if (known === undefined) return;
    const sentence = `the server at ${admin} knows the key ${known.keyId} (${known.state}). Nothing was destroyed`;
    throw new Fault("CEREMONY_REFUSED", sentence);
  } finally {
    client.close();
  }
}

type Place = {
  readonly group: Command;
  readonly frame: CommandFrame;
  readonly kind: (typeof ceremonies)[number][0];
  readonly description: string;
};

function register({ group, frame, kind, description }: Place): void {
  group
    .command(kind)
    .description(description)
    .requiredOption("-c, --config <file>", "configuration with `program: ceremony`")
    .option("--dry-run", "check everything, print the plan, make nothing", false)
    .addOption(outputOption())
    .action(({ config, dryRun, output }: Options) =>
      frame.run(output, async ({ signal }) => {
        const holdCeremony = await loadCeremony();
        const held = await holdCeremony({ kind, configFile: config, dryRun }, signal);
        const { plan, transcript } = held;
        const steps = plan.map((step, index) => `  ${index + 1}. ${step}`).join("\n");
        const end = transcript ? "done; the transcript lists all that was made" : "dry run: nothing was made";
        return {
          text: `ceremony ${kind}\n${steps}\n${end}`,
          json: { ceremony: kind, dryRun, plan, transcript },
        };
      }),
    );
}
