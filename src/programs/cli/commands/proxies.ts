import type { AdminReply } from "../../../backends/admin-client/admin-client.ts";
import { type AdminOptions, asAdminCommand, runAdmin } from "../admin-command.ts";
import type { Registration } from "../command-frame.ts";
import { nodeOf, printable, textAge, textMoment, textTable } from "../text-table.ts";

const guide = `
BUNDLE and CERTIFICATE: since when the process uses the ones that it has; what it was sent and has not taken does not count. LAST
ERROR is what it refused last, in its own words, while that stands. WHY says what it is behind in; a rotation waits for whoever is
behind until it catches up, exits, or what it has is over; troubles that an agent sees from outside stand there too. ID is what \`meshmint rotation quarantine\` takes.
  meshmint proxies --lagging
  meshmint proxies --output json`;

/** `meshmint proxies`: who holds which bundle and certificate, who is behind and why. */
export const registerProxies: Registration = (program, frame) => {
  asAdminCommand(program.command("proxies"))
    .description("every holder of trust material: what it holds, who is behind and why")
    .option("--lagging", "only those that are behind", false)
    .addHelpText("after", guide)
    .action((options: AdminOptions & { lagging: boolean }) =>
      runAdmin(frame, options, async (client, { signal }) => {
        const list = await client.call("ListProxies", { laggingOnly: options.lagging }, signal);
        return { text: textOf(list), json: list };
      }),
    );
};

type Proxy = AdminReply<"ListProxies">["proxies"][number];
type HolderTrouble = NonNullable<Proxy["holder"]>["troubles"][number];

function textOf({ proxies, activeAuthority, bundleSequence }: AdminReply<"ListProxies">): string {
  const table = textTable(columns, proxies.map(rowOf));
  return `active authority ${activeAuthority}, bundle ${bundleSequence}\n${table === "" ? "nobody" : table}`;
}

const columns = [
  ...["ID", "NODE", "PROCESS", "PID", "SPIFFE ID", "STATE"],
  ...["BUNDLE", "CERTIFICATE", "LAST SEEN", "LAST ERROR", "WHY"],
];

function rowOf({ id, holder, lagging, reasons, quarantine, holding }: Proxy): string[] {
  const { agentId = "", label = "", pid = 0, spiffeId = "", gone = false, lastSeenMs = 0 } = holder ?? {};
  const seen = troublesText(holder?.troubles ?? [], reasons);
  return [
    id,
    nodeOf(agentId),
    label || roleOf(holder?.kind),
    pid === 0 ? "-" : String(pid),
    spiffeId,
    gone ? "gone" : lagging ? "behind" : "up to date",
    textAge(holding?.bundleSinceMs ?? 0),
    textAge(holding?.certificateSinceMs ?? 0),
    textMoment(lastSeenMs),
    lastErrorText(holding),
    [
      ...(quarantine ? [`in quarantine until ${textMoment(quarantine.endsMs)}`] : []),
      ...reasons,
      ...seen,
    ].join("; "),
  ];
}

/** What its agent sees of it from outside, where the reasons do not say it already. */
const troublesText = (troubles: readonly HolderTrouble[], reasons: readonly string[]): string[] =>
  troubles
    .filter(({ reason }) => !reasons.some((said) => said.startsWith(reason)))
    .map(({ reason, sinceMs }) => `${reason} (for ${textAge(sinceMs)})`);

const roleOf = (kind: NonNullable<Proxy["holder"]>["kind"] | undefined): string =>
  kind === "HOLDER_KIND_AGENT" ? "(agent)" : kind === "HOLDER_KIND_SERVER" ? "(server)" : "";

/** `ROOTCA 3 min ago: "…"`, in the holder's own words; "-" for none that stands. */
export function lastErrorText(holding: Proxy["holding"]): string {
  if (!holding || Number(holding.lastErrorMs) === 0) return "-";
  const { lastErrorSecret, lastErrorMs, lastError } = holding;
  return printable(`${lastErrorSecret} ${textAge(lastErrorMs)} ago: ${JSON.stringify(lastError)}`);
}
