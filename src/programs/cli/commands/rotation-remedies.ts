import type { Command } from "commander";
import { runAdmin } from "../admin-command.ts";
import type { CommandFrame } from "../command-frame.ts";
import { asStep, revisionOf, type StepOptions } from "./rotation-step.ts";
import { rotationReply } from "./rotation-text.ts";

type Reasoned = StepOptions & { reason: string };

const rollbackGuide = `
From every phase before the old root is withdrawn. Before activate nothing was signed under the new root: it leaves the bundle
at once. After it the old intermediate signs again, agents replace what they have of the new one, and the new root leaves the
bundle when nobody depends on it; watch that with \`rotation status\` until the phase is idle. The same root and intermediate
can be started again. A pause ends with it.`;

const pauseGuide = `
Nothing goes on by itself and activate and retire are refused until \`rotation resume\`; rollback is not. Agents that have heard
of the new intermediate go on replacing certificates, and every renewal goes on: a certificate that ends is an outage.`;

/** `meshmint rotation rollback|pause|resume`: what an operator does when a rotation does not go as it should. */
export function registerRemedies(group: Command, frame: CommandFrame): void {
  asStep(group.command("rollback"))
    .description("go back to the old root, from any phase before retire")
    .requiredOption("--reason <text>", "why; goes into the ledger and into the status")
    .option("--force", "let the old intermediate sign again whoever does not accept its root", false)
    .addHelpText("after", rollbackGuide)
    .action((options: Reasoned & { force: boolean }) =>
      runAdmin(frame, options, async (client, { signal }) => {
        const expectedRevision = await revisionOf(client, options, signal);
        const { reason, force } = options;
        return rotationReply(
          await client.call("RollbackRotation", { expectedRevision, reason, force }, signal),
        );
      }),
    );
  asStep(group.command("pause"))
    .description("stop it where it is; nothing goes on by itself")
    .requiredOption("--reason <text>", "why; shown to whoever tries to go on")
    .addHelpText("after", pauseGuide)
    .action((options: Reasoned) =>
      runAdmin(frame, options, async (client, { signal }) => {
        const expectedRevision = await revisionOf(client, options, signal);
        const { reason } = options;
        return rotationReply(await client.call("PauseRotation", { expectedRevision, reason }, signal));
      }),
    );
  asStep(group.command("resume"))
    .description("let a paused rotation go on")
    .action((options: StepOptions) =>
      runAdmin(frame, options, async (client, { signal }) => {
        const expectedRevision = await revisionOf(client, options, signal);
        return rotationReply(await client.call("ResumeRotation", { expectedRevision }, signal));
      }),
    );
}
