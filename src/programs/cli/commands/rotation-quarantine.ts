import type { Command } from "commander";
import type { AdminReply } from "../../../backends/admin-client/admin-client.ts";
import { type AdminOptions, asAdminCommand, runAdmin } from "../admin-command.ts";
import type { CommandFrame, Reply } from "../command-frame.ts";
import { printable, textMoment } from "../text-table.ts";

const quarantineGuide = `
HOLDER is the id that \`rotation status\` and \`proxies --lagging\` show. The server renews certificates by identity and node, not by
process: every process of that node with the same SPIFFE ID gets no new certificate either. The answer names them and says when
the holder stops counting. Until then nothing about it changes; afterwards its peers refuse it. The quarantine outlives the
server and the rotation, and ends with \`rotation release\` or when the process exits: a process that takes its place is served.`;

/** `meshmint rotation quarantine|release`: one holder that never will is not waited for longer than its certificates live. */
export function registerQuarantine(group: Command, frame: CommandFrame): void {
  asAdminCommand(group.command("quarantine"))
    .description(
      "renew a laggard's certificates no more, so that their end releases the barrier; comes before --force",
    )
    .argument("<holder>", "its id in `rotation status`")
    .requiredOption("--reason <text>", "why; goes into the ledger and into the status")
    .addHelpText("after", quarantineGuide)
    .action((holder: string, options: AdminOptions & { reason: string }) =>
      runAdmin(frame, options, async (client, { signal }) => {
        const { reason } = options;
        return begunReply(await client.call("QuarantineHolder", { holder, reason }, signal));
      }),
    );
  asAdminCommand(group.command("release"))
    .description("let a holder in quarantine have certificates again")
    .argument("<holder>", "its id in `rotation status`")
    .option("--reason <text>", "what was done about it; goes into the ledger", "")
    .action((holder: string, options: AdminOptions & { reason: string }) =>
      runAdmin(frame, options, async (client, { signal }) => {
        const { reason } = options;
        return releasedReply(await client.call("ReleaseHolder", { holder, reason }, signal));
      }),
    );
}

type Answer = AdminReply<"QuarantineHolder">;

function begunReply(answer: Answer): Reply {
  const { quarantine, changed } = answer;
  if (!quarantine) return { json: answer, text: "" };
  const { id, label, spiffeIds, siblings, siblingsTotal, by, reason, sinceMs, endsMs } = quarantine;
  const unnamed = siblingsTotal - siblings.length;
  const lines = [
    `${id}  ${printable(label)} is in quarantine${changed ? "" : ` already, by ${by}: ${printable(reason)}`}`,
    `  since      ${textMoment(sinceMs)}`,
    ...spiffeIds.map((spiffeId) => `  stopped    ${printable(spiffeId)} on its node`),
    `  counts     until ${textMoment(endsMs)}, ${leftUntil(endsMs)}`,
    ...siblings.map((sibling) => `  hit too    ${printable(sibling)}`),
    ...(unnamed > 0 ? [`  hit too    and ${unnamed} more`] : []),
  ];
  return { json: answer, text: lines.join("\n") };
}

function releasedReply(answer: Answer): Reply {
  const { quarantine, changed } = answer;
  const name = `${quarantine?.id ?? ""}  ${printable(quarantine?.label || (quarantine?.holder ?? ""))}`;
  const text = changed ? "is released: its agent asks again within half a minute" : "was not in quarantine";
  return { json: answer, text: `${name} ${text}` };
}

/** `in 42 min`, by this machine's clock; what has passed counts no more. */
export function leftUntil(endsMs: string | number): string {
  const left = Math.ceil((Number(endsMs) - Date.now()) / 1000);
  if (left <= 0) return "which has passed";
  return left < 120
    ? `in ${left} s`
    : left < 7200
      ? `in ${Math.ceil(left / 60)} min`
      : `in ${Math.ceil(left / 3600)} h`;
}
