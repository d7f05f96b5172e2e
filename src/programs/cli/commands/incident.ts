import type { AdminReply } from "../../../backends/admin-client/admin-client.ts";
import { type AdminOptions, asAdminCommand, groupOf, runAdmin } from "../admin-command.ts";
import type { Registration, Reply } from "../command-frame.ts";
import { printable, textMoment } from "../text-table.ts";
import { readCertificate } from "./read-certificate.ts";
import { readRevocationLists } from "./read-revocation-lists.ts";
import { asStep, revisionOf, type StepOptions } from "./rotation-step.ts";

const guide = `
An intermediate's key is stolen, or may be. Break the seal of its file (\`ceremony intermediate\` made it), and:
  meshmint incident start --authority KEY-ID --next issuing-1-2.pem --lists break-glass-issuing-1-1.pem --reason keyCompromise
The next intermediate signs at once and every leaf is replaced; watch it with \`rotation status\`. When nobody depends on a leaf of
the lost one any more, the lists go out by themselves, and verifiers that read them refuse whatever it signed, the thief's
leaves with it. \`rotation retire --force --reason TEXT\` sends them out at once, and cuts off whoever is behind. A stolen root key
is another matter: start a rotation to a new root without a cross-certificate.`;

type StartOptions = StepOptions & { authority: string; next: string; lists: string; reason: string };

/** `meshmint incident start|status`: takes an intermediate away whose key is lost. */
export const registerIncident: Registration = (program, frame) => {
  const group = groupOf(program, "incident", "take away an intermediate whose key is lost").addHelpText(
    "after",
    guide,
  );
  asAdminCommand(group.command("status"))
    .description("what has been done, how long it took, who is behind, and who remains exposed")
    .action((options: AdminOptions) =>
      runAdmin(frame, options, async (client, { signal }) =>
        reply(await client.call("GetIncident", {}, signal)),
      ),
    );
  asStep(group.command("start"))
    .description("let the next intermediate sign at once, and withdraw the lost one when it has replaced all")
    .requiredOption("--authority <key-id>", "the lost intermediate, as `rotation status` names it")
    .requiredOption("--next <file>", "the next intermediate of the stock")
    .requiredOption("--lists <file>", "the revocation lists that were sealed for the lost one")
    .requiredOption("--reason <text>", "such as keyCompromise; goes into the ledger")
    .action((options: StartOptions) =>
      runAdmin(frame, options, async (client, { signal }) => {
        const request = {
          authority: options.authority,
          reason: options.reason,
          intermediateDer: await readCertificate(options.next),
          revocationListsDer: await readRevocationLists(options.lists),
        };
        const expectedRevision = await revisionOf(client, options, signal);
        return reply(await client.call("StartIncident", { ...request, expectedRevision }, signal));
      }),
    );
};

function reply(status: AdminReply<"GetIncident">): Reply {
  if (status.stage === "none") return { text: "no intermediate's key was ever lost", json: status };
  const lines = [
    `${status.authority}: ${status.stage}; ${printable(status.reason)}, by ${status.by} at ${textMoment(status.startedMs)}`,
    `  replaced   ${lasted(status.startedMs, status.replacedMs)}`,
    `  withdrawn  ${lasted(status.replacedMs, status.closedMs)} until every holder had the lists`,
    `  in all     ${lasted(status.startedMs, status.closedMs)}`,
    ...status.behind.map((sentence) => `  behind     ${printable(sentence)}`),
    ...status.exposed.map((sentence) => `  exposed    ${printable(sentence)}`),
  ];
  return { text: lines.join("\n"), json: status };
}

const lasted = (fromMs: string, toMs: string): string =>
  fromMs === "0" || toMs === "0" ? "not yet" : `${((Number(toMs) - Number(fromMs)) / 1000).toFixed(1)} s`;
