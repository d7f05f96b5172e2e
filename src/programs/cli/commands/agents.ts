import { Fault } from "../../../foundation/fault.ts";
import { type AdminOptions, asAdminCommand, groupOf, runAdmin } from "../admin-command.ts";
import type { Registration } from "../command-frame.ts";
import { textMoment, textTable } from "../text-table.ts";

/** `meshmint agent list|show|ban|unban|evict`: the nodes that the server knows. `agent run` stands in a file of its own. */
export const registerAgents: Registration = (program, frame) => {
  const group = groupOf(program, "agent", "agents: one on each node");
  asAdminCommand(group.command("list"))
    .description("every attested agent, whether it is connected, and since when not")
    .action((options: AdminOptions) =>
      runAdmin(frame, options, async (client, { signal }) => {
        const { agents } = await client.call("ListAgents", {}, signal);
        const rows = agents.map((agent) => [
          agent.spiffeId,
          stateOf(agent),
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
  for (const { verb, method, state, description } of verdicts)
    asAdminCommand(group.command(verb))
      .description(description)
      .argument("<spiffe-id>")
      .requiredOption("--reason <text>", "recorded")
      .action((spiffeId: string, options: AdminOptions & { reason: string }) =>
        runAdmin(frame, options, async (client, { signal }) => {
          await client.call(method, { spiffeId, reason: options.reason }, signal);
          return { text: `${spiffeId}: ${state}`, json: { spiffeId, [state]: true } };
        }),
      );
};

const verdicts = [
  {
    verb: "ban",
    method: "BanAgent",
    state: "banned",
    description: "serve this agent nothing more, now and after any new attestation, until the ban is lifted",
  },
  {
    verb: "unban",
    method: "UnbanAgent",
    state: "unbanned",
    description: "let it attest again; the certificates that it had stay worthless",
  },
  {
    verb: "evict",
    method: "EvictAgent",
    state: "evicted",
    description: "take its certificate no more, whoever shows it; it may attest again",
  },
] as const;

function stateOf(agent: { banned: boolean; evicted: boolean; connected: boolean }): string {
  if (agent.banned) return "banned";
  if (agent.evicted) return "evicted";
  return agent.connected ? "connected" : "away";
}
