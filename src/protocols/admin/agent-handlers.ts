import { isEvicted } from "../../control/enrolment/agent-directory.ts";
import type { AgentRecord } from "../../control/enrolment/agent-store.ts";
import { parseSpiffeId, type SpiffeId } from "../../domain/identity/spiffe-id.ts";
import { Fault } from "../../foundation/fault.ts";
import type { AgentRecord as AgentMessage } from "../../generated/meshmint/admin/v1/AgentRecord.ts";
import type { AdminHandlers } from "./handler.ts";
import type { AdminPorts } from "./ports.ts";

type Ports = Pick<AdminPorts, "agents" | "presence">;

const longestReason = 500;

type Methods = "ListAgents" | "BanAgent" | "EvictAgent" | "UnbanAgent";
type Order = { readonly spiffeId: string; readonly reason: string };

export const agentHandlers = ({ agents, presence }: Ports): AdminHandlers<Methods> => ({
  async ListAgents() {
    const records = [...agents.all()].toSorted((a, b) => (a.spiffeId < b.spiffeId ? -1 : 1));
    return { agents: records.map((record) => agentMessage(record, presence)) };
  },
  BanAgent: async (order, act) => judged(order, (agent) => agents.ban(agent, order.reason, act)),
  EvictAgent: async (order, act) => judged(order, (agent) => agents.evict(agent, order.reason, act)),
  UnbanAgent: async (order, act) => judged(order, (agent) => agents.unban(agent, order.reason, act)),
});

async function judged(
  { spiffeId, reason }: Order,
  judge: (agent: SpiffeId) => ReturnType<Ports["agents"]["ban"]>,
): Promise<object> {
  const agent = parseSpiffeId(spiffeId);
  if (!agent.ok) throw new Fault("INVALID_ARGUMENT", `spiffeId: ${agent.error}`);
  if (reason.trim() === "" || reason.length > longestReason)
    throw new Fault("INVALID_ARGUMENT", `reason: 1 to ${longestReason} characters; it goes into the ledger`);
  const outcome = await judge(agent.value);
  if (outcome.ok) return {};
  if (outcome.error === "not-found")
    throw new Fault("NOT_FOUND", `no agent ${spiffeId} was ever attested here`);
  throw new Fault(
    "STORE_CONFLICT",
    outcome.error === "banned"
      ? `${spiffeId} is banned; \`meshmint agent unban\` lifts that, and what it had stays worthless`
      : `${spiffeId} is not banned`,
  );
}

function agentMessage(record: AgentRecord, presence: Ports["presence"]): AgentMessage {
  const present = presence(record.spiffeId);
  return {
    spiffeId: record.spiffeId,
    attestor: record.attestor,
    connected: present !== undefined,
    banned: record.ban !== undefined,
    evicted: isEvicted(record),
    svidSerial: record.svidSerial,
    svidNotAfterMs: record.svidNotAfter.getTime(),
    lastSeenMs: record.lastSeenAt.getTime(),
    bundleSequence: present?.bundleSequence ?? 0,
    programVersion: present?.programVersion ?? "",
  };
}
