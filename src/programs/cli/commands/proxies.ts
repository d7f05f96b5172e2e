import type { AdminReply } from "../../../backends/admin-client/admin-client.ts";
import { type AdminOptions, asAdminCommand, runAdmin } from "../admin-command.ts";
import type { Registration } from "../command-frame.ts";
import { textMoment, textTable } from "../text-table.ts";

/** `meshmint proxies`: who holds which bundle and certificate, who is behind and why. */
export const registerProxies: Registration = (program, frame) => {
  asAdminCommand(program.command("proxies"))
    .description("every holder of trust material: what it holds, who is behind and why")
    .option("--lagging", "only those that are behind", false)
    .action((options: AdminOptions & { lagging: boolean }) =>
      runAdmin(frame, options, async (client, { signal }) => {
        const list = await client.call("ListProxies", { laggingOnly: options.lagging }, signal);
        return { text: textOf(list), json: list };
      }),
    );
};

function textOf({ proxies, activeAuthority, bundleSequence }: AdminReply<"ListProxies">): string {
  const rows = proxies.map(({ id, holder, lagging, reasons, quarantine }) => [
    id,
    holder?.label ?? "",
    holder?.spiffeId ?? "",
    String(holder?.pid ?? ""),
    holder?.gone ? "gone" : lagging ? "behind" : "up to date",
    textMoment(holder?.lastSeenMs ?? 0),
    [...(quarantine ? [`in quarantine until ${textMoment(quarantine.endsMs)}`] : []), ...reasons].join("; "),
  ]);
  const table = textTable(["ID", "HOLDER", "SPIFFE ID", "PID", "STATE", "LAST SEEN", "WHY"], rows);
  return `active authority ${activeAuthority}, bundle ${bundleSequence}\n${table === "" ? "nobody" : table}`;
}
