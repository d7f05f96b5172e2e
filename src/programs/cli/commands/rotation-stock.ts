import type { Command } from "commander";
import type { AdminReply } from "../../../backends/admin-client/admin-client.ts";
import { type AdminOptions, asAdminCommand, runAdmin } from "../admin-command.ts";
import type { CommandFrame, Reply } from "../command-frame.ts";
import { printable, textMoment } from "../text-table.ts";

type Report = AdminReply<"GetStock">;
type Item = Report["items"][number];
type Summary = NonNullable<Report["summary"]>;

const guide = `
Asks every signer now. in-stock: the schedule, and \`rotation start\`, may draw it. ends-soon: it could, but would be due again at once.
rolled-back: only an operator may start it again. orphaned: no ceremony has finished with this key; where none is being held,
\`meshmint ceremony orphans -c FILE --destroy KEY-ID --yes\` removes it. A key that has a certificate is never removed.`;

/** `meshmint rotation stock`: what the signers' tokens hold, and what may follow. */
export function registerStock(group: Command, frame: CommandFrame): void {
  asAdminCommand(group.command("stock"))
    .description(
      "the keys in the signers' tokens: which signs, which may follow, which belong to no certificate",
    )
    .addHelpText("after", guide)
    .action((options: AdminOptions) =>
      runAdmin(frame, options, async (client, { signal }) =>
        stockReply(await client.call("GetStock", {}, signal)),
      ),
    );
}

function stockReply(report: Report): Reply {
  const { summary, items, away } = report;
  const lines = [
    ...(summary ? stockLines(summary) : []),
    ...away.map((reason) => `  away       ${printable(reason)}`),
    ...items.toSorted(byUse).map(itemLine),
  ];
  return { json: report, text: lines.join("\n") };
}

const uses = ["active", "standby", "in-stock", "ends-soon", "rolled-back", "closed", "unusable", "orphaned"];

/** What signs first, then what may follow; each by label. */
const byUse = (one: Item, other: Item): number =>
  uses.indexOf(one.state) - uses.indexOf(other.state) || one.label.localeCompare(other.label);

/** What `rotation status` shows of it too. */
export function stockLines({ inStock, countedAtMs, level, advice, dueAtMs, held }: Summary): string[] {
  const count = Number(countedAtMs) === 0 ? "not counted yet" : `${inStock} intermediates`;
  const loud = level === "ending" || level === "empty" ? "WARNING    " : "warning    ";
  return [
    `  stock      ${count}`,
    ...(Number(dueAtMs) === 0 ? [] : [`  next       due ${textMoment(dueAtMs)}`]),
    ...(held === "" ? [] : [`  held       ${printable(held)}`]),
    ...(advice === "" ? [] : [`  ${loud}${printable(advice)}`]),
  ];
}

function itemLine({ keyId, label, state, why, notAfterMs, signers }: Item): string {
  const end = Number(notAfterMs) === 0 ? "" : `, ends ${textMoment(notAfterMs)}`;
  const where = `at ${signers.map(printable).join(", ")}`;
  const reason = why === "" ? "" : `: ${printable(why)}`;
  return `  ${state.padEnd(11)}${keyId || "-"}  ${printable(label)} ${where}${end}${reason}`;
}
