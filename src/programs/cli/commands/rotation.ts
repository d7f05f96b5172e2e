import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import type { AdminClient, AdminReply } from "../../../backends/admin-client/admin-client.ts";
import { decodeCertificates } from "../../../domain/certificate/pem.ts";
import { Fault } from "../../../foundation/fault.ts";
import { type AdminOptions, type AdminWork, asAdminCommand, groupOf, runAdmin } from "../admin-command.ts";
import type { CommandFrame, Registration, Reply } from "../command-frame.ts";
import { printable, textMoment } from "../text-table.ts";

const guide = `
The order: ceremony root, intermediate, cross → rotation start → activate (refused while somebody does not accept the new
root yet, naming who and why) → retire (refused while somebody depends on the old one). Nothing goes on by time alone.
  meshmint rotation start --root root.pem --intermediate issuing-2-1.pem --cross cross.pem`;

type StepOptions = AdminOptions & { revision?: string };
type StartOptions = StepOptions & { root: string; intermediate: string; cross?: string };

/** `meshmint rotation status|start|activate|retire`: moves the trust domain to a new root. */
export const registerRotation: Registration = (program, frame) => {
  const group = groupOf(program, "rotation", "move the trust domain to a new root").addHelpText(
    "after",
    guide,
  );
  asAdminCommand(group.command("status"))
    .description("phase, who has passed, who is behind and why")
    .action((options: AdminOptions) =>
      runAdmin(frame, options, async (client, { signal }) =>
        reply(await client.call("GetRotation", {}, signal)),
      ),
    );
  asStep(group.command("start"))
    .description("import what the ceremonies wrote and hand out the new root; nothing is signed under it yet")
    .requiredOption("--root <file>", "the new root")
    .requiredOption("--intermediate <file>", "the intermediate under it that will sign")
    .option("--cross <file>", "the new root signed by the old; leave it out only after a compromise")
    .action((options: StartOptions) => runAdmin(frame, options, start(options)));
  registerSteps(group, frame);
};

function registerSteps(group: Command, frame: CommandFrame): void {
  asStep(group.command("activate"))
    .description("sign under the new intermediate; every leaf is replaced")
    .action((options: StepOptions) =>
      runAdmin(frame, options, async (client, { signal }) => {
        const expectedRevision = await revisionOf(client, options, signal);
        return reply(await client.call("ActivateRotation", { expectedRevision }, signal));
      }),
    );
  asStep(group.command("retire"))
    .description("withdraw the old root")
    .option("--strict", "wait until every old leaf has expired, whoever has replaced it", false)
    .action((options: StepOptions & { strict: boolean }) =>
      runAdmin(frame, options, async (client, { signal }) => {
        const expectedRevision = await revisionOf(client, options, signal);
        const request = { expectedRevision, strict: options.strict };
        return reply(await client.call("RetireRotation", request, signal));
      }),
    );
}

const start = (options: StartOptions): AdminWork => {
  return async (client, { signal }) => {
    const request = {
      rootDer: await readCertificate(options.root),
      intermediateDer: await readCertificate(options.intermediate),
      crossDer: options.cross === undefined ? Buffer.alloc(0) : await readCertificate(options.cross),
    };
    const expectedRevision = await revisionOf(client, options, signal);
    return reply(await client.call("StartRotation", { ...request, expectedRevision }, signal));
  };
};

const asStep = (command: Command): Command =>
  asAdminCommand(command).option(
    "--revision <n>",
    "refuse unless the rotation is still at this revision of `rotation status`",
  );

/** Two operators who look and then act name what they saw; a lone one acts on what is there now. */
async function revisionOf(client: AdminClient, options: StepOptions, signal: AbortSignal): Promise<number> {
  const { revision } = options;
  if (revision === undefined) return (await client.call("GetRotation", {}, signal)).revision;
  if (/^\d{1,9}$/.test(revision)) return Number(revision);
  throw new Fault("CONFIG_INVALID", `--revision: "${revision}" is not a revision`);
}

/** The one certificate of a PEM file. Throws CONFIG_INVALID: the command line named the wrong file. */
async function readCertificate(file: string): Promise<Buffer> {
  const text = await readFile(file, "utf8").catch((thrown: Error) => {
    throw new Fault("CONFIG_INVALID", `${file}: cannot be read: ${thrown.message}`);
  });
  const read = decodeCertificates(text);
  if (!read.ok) throw new Fault("CONFIG_INVALID", `${file}: ${read.error}`);
  const [certificate, ...others] = read.value;
  if (!certificate || others.length > 0)
    throw new Fault("CONFIG_INVALID", `${file}: must hold one certificate`);
  return Buffer.from(certificate);
}

type Status = AdminReply<"GetRotation">;

function reply(status: Status): Reply {
  const lines = [
    `${status.trustDomain}: ${status.phase}${status.paused ? " (paused)" : ""} since ${textMoment(status.sinceMs)}, revision ${status.revision}`,
    `  authority  ${status.oldAuthority || "-"} → ${status.newAuthority || "-"}`,
    `  root       ${status.oldAnchorSha256 || "-"} → ${status.newAnchorSha256 || "-"}`,
    `  holders    ${status.holdersPassed} of ${status.holdersTotal} passed, ${status.leavesOutstanding} old leaves still count`,
    ...Object.entries(status.passedByGrade).map(([grade, count]) => `  passed     ${count} ${grade}`),
    ...status.obstacles.map((obstacle) => `  waits      ${printable(obstacle)}`),
    ...status.laggards.map(
      ({ label, holder, reason }) => `  behind     ${printable(label || holder)}: ${printable(reason)}`,
    ),
  ];
  return { text: lines.join("\n"), json: status };
}
