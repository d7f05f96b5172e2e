import type { Command } from "commander";
import { type AdminOptions, type AdminWork, asAdminCommand, groupOf, runAdmin } from "../admin-command.ts";
import type { CommandFrame, Registration } from "../command-frame.ts";
import { type AuthorityFiles, readAuthorityFiles } from "./authority-files.ts";
import { asCohorted, type CohortOptions, cohortsOf } from "./cohort-options.ts";
import { registerPlan } from "./rotation-plan.ts";
import { registerQuarantine } from "./rotation-quarantine.ts";
import { registerRemedies } from "./rotation-remedies.ts";
import {
  asForcible,
  asStep,
  type ForceOptions,
  forceReasonOf,
  revisionOf,
  type StepOptions,
} from "./rotation-step.ts";
import { registerStock } from "./rotation-stock.ts";
import { rotationReply } from "./rotation-text.ts";
import { registerWatch } from "./rotation-watch.ts";

const guide = `
The order: ceremony root, intermediate, cross → rotation plan (says what will happen, changes nothing) → start → activate (refused while
somebody does not accept the new root yet, naming who and why) → retire (refused while somebody depends on the old one). Nothing goes
on by time alone. \`rotation watch\`, beside it, shows what goes on.
  meshmint rotation start --root root.pem --intermediate issuing-2-1.pem --cross cross.pem
The next intermediate of the stock, under the same root, changes no bundle: it needs \`start\` alone, and the rest goes by itself.
  meshmint rotation start --intermediate issuing-1-2.pem
After an incident revocation lists are in force; then what a later ceremony made comes with its lists.
  meshmint rotation start --intermediate issuing-3-1.pem --lists lists.pem

With \`--cohorts\` some nodes have their turn first, at the hand-out of the root and at the replacement of certificates; each cohort soaks
(\`--soak\`) before the next. With or without them the rotation goes back by itself when processes that took what came before refuse what
it hands out, or their agents' probes of them fail, and pauses when their handshakes fail: see rotation.failures in the server's configuration.
  meshmint rotation start … --cohorts canary=true,10%,50% --soak 30m

When it does not go as it should, in this order: \`pause\` stops it where it is; \`quarantine\` has one laggard's certificates run out,
and nobody waits for it longer than that; \`rollback\` undoes the rotation, from any phase before retire; \`--force\` leaves behind
whoever is behind: the last resort, after which handshakes can fail.`;

type StartOptions = StepOptions & AuthorityFiles & CohortOptions;

/** `meshmint rotation status|start|activate|retire`, and the remedies: moves the trust domain to a new root. */
export const registerRotation: Registration = (program, frame) => {
  const group = groupOf(program, "rotation", "move the trust domain to a new root").addHelpText(
    "after",
    guide,
  );
  asAdminCommand(group.command("status"))
    .description("phase, who has passed, who is behind and why")
    .action((options: AdminOptions) =>
      runAdmin(frame, options, async (client, { signal }) =>
        rotationReply(await client.call("GetRotation", {}, signal)),
      ),
    );
  asCohorted(asStep(group.command("start")))
    .description("import what the ceremonies wrote and hand out the new root; nothing is signed under it yet")
    .option(
      "--root <file>",
      "the new root; without it the intermediate follows the present one under the present root",
    )
    .requiredOption("--intermediate <file>", "the intermediate under it that will sign")
    .option("--cross <file>", "the new root signed by the old; leave it out only after a compromise")
    .option(
      "--lists <file>",
      "where revocation lists are in force since an incident: lists.pem of the ceremony, taken up by everybody before anything is signed",
    )
    .action((options: StartOptions) => runAdmin(frame, options, start(options)));
  registerPlan(group, frame);
  registerWatch(group, frame);
  registerSteps(group, frame);
  registerStock(group, frame);
  registerQuarantine(group, frame);
  registerRemedies(group, frame);
};

function registerSteps(group: Command, frame: CommandFrame): void {
  asForcible(group.command("activate"))
    .description("sign under the new intermediate; every leaf is replaced")
    .action((options: ForceOptions) =>
      runAdmin(frame, options, async (client, { signal }) => {
        const forceReason = forceReasonOf(options);
        const expectedRevision = await revisionOf(client, options, signal);
        const request = { expectedRevision, forceReason };
        return rotationReply(await client.call("ActivateRotation", request, signal));
      }),
    );
  asForcible(group.command("retire"))
    .description("withdraw the old root")
    .option("--strict", "wait until every old leaf has expired, whoever has replaced it", false)
    .action((options: ForceOptions & { strict: boolean }) =>
      runAdmin(frame, options, async (client, { signal }) => {
        const forceReason = forceReasonOf(options);
        const expectedRevision = await revisionOf(client, options, signal);
        const request = { expectedRevision, strict: options.strict, forceReason };
        return rotationReply(await client.call("RetireRotation", request, signal));
      }),
    );
}

const start = (options: StartOptions): AdminWork => {
  return async (client, { signal }) => {
    const request = { ...(await readAuthorityFiles(options)), ...cohortsOf(options) };
    const expectedRevision = await revisionOf(client, options, signal);
    return rotationReply(await client.call("StartRotation", { ...request, expectedRevision }, signal));
  };
};
