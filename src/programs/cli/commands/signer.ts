import type { Command } from "commander";
import type { AdminReply } from "../../../backends/admin-client/admin-client.ts";
import { type AdminOptions, asAdminCommand, runAdmin } from "../admin-command.ts";
import { type CommandFrame, type OutputFormat, outputOption, type Registration } from "../command-frame.ts";
import { loadSigner } from "../dispatch.ts";
import { printable, textTable } from "../text-table.ts";

const guide = `
Opens its tokens, each in a process of its own, and signs leaves for the server that connects to their Unix sockets. The PIN
comes from the file that the configuration names, or from a descriptor (token.pinDescriptor: 3, then
\`signer run -c FILE 3< PINFILE\`). A wrong PIN is tried once: exit code 3. SIGTERM finishes what is being signed.`;

const releaseGuide = `
The server quarantines a signer when one of its signatures does not verify: the token lies, or what stands between is broken.
Find out which before you release it. A restart of the server lifts no quarantine.`;

type RunOptions = { config: string; insecurePinEnv: boolean; output: OutputFormat };
type ReleaseOptions = AdminOptions & { reason: string };

/** `meshmint signer run`, the only long-running program that talks to an HSM; `signer list|release`, the server's view of it. */
export const registerSigner: Registration = (program, frame) => {
  const group = program.command("signer").description("the program that holds the HSM sessions");
  registerRun(group, frame);
  asAdminCommand(group.command("list"))
    .description("the signers that the server knows: state, load, speed, quarantine")
    .action((options: AdminOptions) =>
      runAdmin(frame, options, async (client, { signal }) => {
        const list = await client.call("ListSigners", {}, signal);
        return { text: textOf(list.signers), json: list };
      }),
    );
  asAdminCommand(group.command("release"))
    .description("end the quarantine of a signer")
    .argument("<name>", "its name in `signer list`")
    .requiredOption("--reason <text>", "what was done about it; goes into the ledger")
    .addHelpText("after", releaseGuide)
    .action((name: string, options: ReleaseOptions) =>
      runAdmin(frame, options, async (client, { signal }) => {
        const view = await client.call("ReleaseSigner", { name, reason: options.reason }, signal);
        return { text: textOf([view]), json: view };
      }),
    );
};

function registerRun(group: Command, frame: CommandFrame): void {
  group
    .command("run")
    .description("serve signatures on Unix sockets, one token behind each")
    .requiredOption("-c, --config <file>", "configuration with `program: signer`")
    .option("--insecure-pin-env", "take the PIN from MESHMINT_SIGNER_PIN; it stays readable in /proc", false)
    .addOption(outputOption())
    .addHelpText("after", guide)
    .action(({ config, insecurePinEnv, output }: RunOptions) =>
      frame.run(output, async ({ signal }) => {
        const runSigner = await loadSigner();
        await runSigner({ configFile: config, insecurePinEnv }, signal);
        return undefined;
      }),
    );
}

const textOf = (signers: AdminReply<"ListSigners">["signers"]): string =>
  textTable(
    ["NAME", "STATE", "TOKEN", "SESSIONS", "UNDER WAY", "PER SECOND", "JOURNAL", "WHY"],
    signers.map((signer) => [
      signer.name,
      signer.quarantined ? "quarantined" : signer.state,
      signer.tokenLabel,
      String(signer.sessions),
      String(signer.outstanding),
      signer.signaturesPerSecond.toFixed(0),
      signer.journalLines,
      printable(signer.reason),
    ]),
  );
