import { Fault } from "../../../foundation/fault.ts";
import { type AdminOptions, asAdminCommand, groupOf, runAdmin } from "../admin-command.ts";
import type { Registration } from "../command-frame.ts";
import { textMoment, textTable } from "../text-table.ts";

/** `meshmint agent list|show|ban`: the nodes that the server knows. `agent run` stands in a file of its own. */
export const registerAgents: Registration = (program, frame) => {
  const group = groupOf(program, "agent", "agents: one on each node");
  asAdminCommand(group.command("list"))
    .description("every attested agent, whether it is connected, and since when not")
    .action((options: AdminOptions) =>
      runAdmin(frame, options, async (client, { signal }) => {
        const { agents } = await client.call("ListAgents", {}, signal);
        const rows = agents.map((agent) => [
          agent.spiffeId,
          agent.banned ? "banned" : agent.connected ? "connected" : "away",
          textMoment(agent.lastSeenMs),
          textMoment(agent.svidNotAfterMs),
          agent.bundleSequence,
        ]);
        const text = textTable(["AGENT", "STATE", "LAST SEEN", "SVID UNTIL", "BUNDLE"], rows);
        return { text, json: { agents } };
      }),
    );
  asAdminCommand(group.command("show"))
    .description("one agent, whole")
    .argument("<spiffe-id>")
    .action((id: string, options: AdminOptions) =>
      runAdmin(frame, options, async (client, { signal }) => {
        const { agents } = await client.call("ListAgents", {}, signal);
        const agent = agents.find(({ spiffeId }) => spiffeId === id);
        if (!agent) throw new Fault("NOT_FOUND", `no agent ${id}; \`meshmint agent list\` shows all`);
        const lines = Object.entries(agent).map(([key, value]) => [key, String(value)]);
        return { text: textTable(["KEY", "VALUE"], lines), json: agent };
      }),
    );
  asAdminCommand(group.command("ban"))
    .description("serve this agent nothing more, now and after any new join")
    .argument("<spiffe-id>")
    .requiredOption("--reason <text>", "recorded")
    .action((spiffeId: string, options: AdminOptions & { reason: string }) =>
      runAdmin(frame, options, async (client, { signal }) => {
        await client.call("BanAgent", { spiffeId, reason: options.reason }, signal);
        return { text: `${spiffeId}: banned`, json: { spiffeId, banned: true } };
      }),
    );
};
