import type { Command } from "commander";
import { Fault } from "../../../foundation/fault.ts";
import { type AdminOptions, asAdminCommand, runAdmin } from "../admin-command.ts";
import type { CommandFrame } from "../command-frame.ts";
import { type AuthorityFiles, readAuthorityFiles } from "./authority-files.ts";
import { asCohorted, type CohortOptions, cohortsOf } from "./cohort-options.ts";
import { planReply } from "./plan-text.ts";

const guide = `
Before a rotation, give what \`rotation start\` would be given: the same checks are made, the signers are asked for the key, the ledger is
counted, and nothing is changed (the revision stays). During one, give nothing: it shows the steps that are left.
  meshmint rotation plan --root root-2.pem --intermediate issuing-2-1.pem --cross cross.pem
  meshmint rotation plan --intermediate issuing-1-2.pem
  meshmint rotation plan

Each step says who takes it, about how long it takes where nobody is in the way, and how long at most where something known bounds it:
  new certificates   their notBefore and rotation.maxClockSkew
  holders            an acknowledgement takes moments; for one that is in the way there is an end only if it is in quarantine
                     (rotation quarantine) or its agent stays away: then what it has runs out
  cohorts            of start, with --cohorts, --soak and --no-cohorts as there: each but the last soaks, and replaces its
                     certificates when its turn comes; one without holders is passed over
  partners           what a federated partner has fetched has to reach all that are behind it: its propagation time
  certificates       rotation.reissueSpread, or the signers' measured rate where that is slower, and rotation.settle; at most until the
                     last of them is over by the ledger
Exit code 0: \`start\` would be accepted now, or a rotation is under way. 1: it would be refused (the reasons are shown), or none is under way
and no file was given.`;

/** `meshmint rotation plan`: what will happen, how long, and who is in the way. */
export function registerPlan(group: Command, frame: CommandFrame): void {
  asCohorted(asAdminCommand(group.command("plan")))
    .description("what a rotation will do step by step, how long, who is in the way, what start would refuse")
    .option("--root <file>", "the new root; without it the intermediate follows under the present root")
    .option("--intermediate <file>", "the intermediate that will sign; without it: the rotation under way")
    .option("--cross <file>", "the new root signed by the old")
    .option("--lists <file>", "the revocation lists that go out with it, where some are in force")
    .addHelpText("after", guide)
    .action((options: AdminOptions & Partial<AuthorityFiles> & CohortOptions) =>
      runAdmin(frame, options, async (client, { signal }) => {
        const request = await questionOf(options);
        return planReply(await client.call("ForecastRotation", request, signal));
      }),
    );
}

async function questionOf(options: Partial<AuthorityFiles> & CohortOptions) {
  const { root, intermediate, cross, lists, cohorts, soak } = options;
  if (intermediate !== undefined)
    return { ...(await readAuthorityFiles({ root, intermediate, cross, lists })), ...cohortsOf(options) };
  const others = [root, cross, lists, cohorts, soak];
  if (others.some((option) => option !== undefined))
    throw new Fault("CONFIG_INVALID", "--root, --cross, --lists and the cohorts belong to an --intermediate");
  return {};
}
