import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import type { AdminReply } from "../../../backends/admin-client/admin-client.ts";
import { decodeCertificates } from "../../../domain/certificate/pem.ts";
import { Fault } from "../../../foundation/fault.ts";
import { type AdminOptions, type AdminWork, asAdminCommand, groupOf, runAdmin } from "../admin-command.ts";
import type { CommandFrame, Registration, Reply } from "../command-frame.ts";
import { textMoment } from "../text-table.ts";

const guide = `
The order: ceremony root, intermediate, cross → rotation start → activate (refused while somebody does not accept the new
root yet, naming who and why) → retire (refused while somebody depends on the old one). Nothing goes on by time alone.
  meshmint rotation start --root root.pem --intermediate issuing-2-1.pem --cross cross.pem`;

type StartOptions = AdminOptions & { root: string; intermediate: string; cross?: string };

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
  asAdminCommand(group.command("start"))
    .description("import what the ceremonies wrote and hand out the new root; nothing is signed under it yet")
    .requiredOption("--root <file>", "the new root")
    .requiredOption("--intermediate <file>", "the intermediate under it that will sign")
    .option("--cross <file>", "the new root signed by the old; leave it out only after a compromise")
    .action((options: StartOptions) => runAdmin(frame, options, start(options)));
  registerSteps(group, frame);
};

function registerSteps(group: Command, frame: CommandFrame): void {
  asAdminCommand(group.command("activate"))
    .description("sign under the new intermediate; every leaf is replaced")
    .action((options: AdminOptions) =>
      runAdmin(frame, options, async (client, { signal }) => {
        const { revision } = await client.call("GetRotation", {}, signal);
        return reply(await client.call("ActivateRotation", { expectedRevision: revision }, signal));
      }),
    );
  asAdminCommand(group.command("retire"))
    .description("withdraw the old root")
    .option("--strict", "wait until every old leaf has expired, whoever has replaced it", false)
    .action((options: AdminOptions & { strict: boolean }) =>
      runAdmin(frame, options, async (client, { signal }) => {
        const { revision } = await client.call("GetRotation", {}, signal);
        const request = { expectedRevision: revision, strict: options.strict };
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
    const { revision } = await client.call("GetRotation", {}, signal);
    return reply(await client.call("StartRotation", { ...request, expectedRevision: revision }, signal));
  };
};

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
    ...status.laggards.map(({ label, holder, reason }) => `  behind     ${label || holder}: ${reason}`),
  ];
  return { text: lines.join("\n"), json: status };
}
