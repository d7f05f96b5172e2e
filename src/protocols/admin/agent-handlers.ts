import type { AgentRecord } from "../../control/enrolment/agent-store.ts";
import { parseSpiffeId } from "../../domain/identity/spiffe-id.ts";
import { Fault } from "../../foundation/fault.ts";
import type { AgentRecord as AgentMessage } from "../../generated/meshmint/admin/v1/AgentRecord.ts";
import type { AdminHandlers } from "./handler.ts";
import type { AdminPorts } from "./ports.ts";

type Ports = Pick<AdminPorts, "agents" | "presence">;

const longestReason = 500;

export const agentHandlers = ({ agents, presence }: Ports): AdminHandlers<"ListAgents" | "BanAgent"> => ({
  async ListAgents() {
    const records = [...agents.all()].toSorted((a, b) => (a.spiffeId < b.spiffeId ? -1 : 1));
    return { agents: records.map((record) => agentMessage(record, presence)) };
  },
  async BanAgent({ spiffeId, reason }, act) {
    const agent = parseSpiffeId(spiffeId);
    if (!agent.ok) throw new Fault("INVALID_ARGUMENT", `spiffeId: ${agent.error}`);
    if (reason.trim() === "" || reason.length > longestReason) {
      throw new Fault(
        "INVALID_ARGUMENT",
        `reason: 1 to ${longestReason} characters; it goes into the ledger`,
      );
    }
    const banned = await agents.ban(agent.value, reason, act);
    if (!banned.ok) throw new Fault("NOT_FOUND", `no agent ${spiffeId} was ever attested here`);
    return {};
  },
});

function agentMessage(record: AgentRecord, presence: Ports["presence"]): AgentMessage {
  const present = presence(record.spiffeId);
  return {
    spiffeId: record.spiffeId,
    attestor: record.attestor,
    connected: present !== undefined,
    banned: record.ban !== undefined,
    svidSerial: record.svidSerial,
    svidNotAfterMs: record.svidNotAfter.getTime(),
    lastSeenMs: record.lastSeenAt.getTime(),
    bundleSequence: present?.bundleSequence ?? 0,
    programVersion: present?.programVersion ?? "",
  };
}
