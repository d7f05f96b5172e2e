import type { JoinTokenRecord } from "../../control/enrolment/join-token-store.ts";
import { hours, seconds } from "../../foundation/duration.ts";
import { Fault } from "../../foundation/fault.ts";
import type { JoinToken } from "../../generated/meshmint/admin/v1/JoinToken.ts";
import type { AdminHandlers } from "./handler.ts";
import type { AdminPorts } from "./ports.ts";

const defaultTtl = hours(1);

export const tokenHandlers = ({
  tokens,
  now,
}: Pick<AdminPorts, "tokens" | "now">): AdminHandlers<"CreateToken" | "ListTokens" | "RevokeToken"> => ({
  async CreateToken({ nodeId, ttlSeconds }, act) {
    const ttl = ttlSeconds === 0 ? defaultTtl : seconds(ttlSeconds);
    const created = await tokens.create({ nodeId, ttl }, act);
    if (!created.ok) throw new Fault("INVALID_ARGUMENT", created.error);
    return { ...tokenMessage(created.value.record, now()), token: created.value.text };
  },
  async ListTokens(_request, { signal }) {
    const records = await tokens.list(signal);
    return { tokens: records.map((record) => tokenMessage(record, now())) };
  },
  async RevokeToken({ id }, act) {
    const revoked = await tokens.revoke(id, act);
    if (revoked.ok) return {};
    if (revoked.error === "not-found") throw new Fault("NOT_FOUND", `no join token has the id "${id}"`);
    const remedy = "ban its agent to stop the node: `meshmint agent ban`";
    throw new Fault("STORE_CONFLICT", `join token ${id} was used already; ${remedy}`);
  },
});

const tokenMessage = (record: JoinTokenRecord, now: Date): JoinToken => ({
  id: record.id,
  nodeId: record.nodeId,
  expiresAtMs: record.expiresAt.getTime(),
  state: stateOf(record, now),
});

/** A token that an attempt has claimed for a moment counts as unused: it is, until that attempt has its SVID. */
function stateOf({ state, expiresAt }: JoinTokenRecord, now: Date): string {
  if (state === "used" || state === "revoked") return state;
  return expiresAt <= now ? "expired" : "unused";
}
