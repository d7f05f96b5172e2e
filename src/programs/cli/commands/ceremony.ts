import type { Command } from "commander";
import { type CommandFrame, type OutputFormat, outputOption, type Registration } from "../command-frame.ts";
import { loadCeremony } from "../dispatch.ts";

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
};

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
