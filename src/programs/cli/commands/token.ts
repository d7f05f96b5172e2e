import { parseDuration } from "../../../foundation/duration.ts";
import { Fault } from "../../../foundation/fault.ts";
import { type AdminOptions, asAdminCommand, groupOf, runAdmin } from "../admin-command.ts";
import type { Registration } from "../command-frame.ts";
import { textMoment, textTable } from "../text-table.ts";

/** `meshmint token create|list|revoke`: one-time join tokens, each for one node. */
export const registerToken: Registration = (program, frame) => {
  const group = groupOf(program, "token", "join tokens: one for one node, used once");
  asAdminCommand(group.command("create"))
    .description("make a join token; it is shown this once")
    .requiredOption("--node <id>", "the node it is for: its agent becomes …/meshmint/agent/join_token/<id>")
    .option("--ttl <duration>", "how long it can be used", "10m")
    .action((options: AdminOptions & { node: string; ttl: string }) =>
      runAdmin(frame, options, async (client, { signal }) => {
        const request = { nodeId: options.node, ttlSeconds: secondsOf(options.ttl, "--ttl") };
        const made = await client.call("CreateToken", request, signal);
        return { text: made.token, json: made };
      }),
    );
  asAdminCommand(group.command("list"))
    .description("tokens and what became of them; never the tokens themselves")
    .action((options: AdminOptions) =>
      runAdmin(frame, options, async (client, { signal }) => {
        const { tokens } = await client.call("ListTokens", {}, signal);
        const rows = tokens.map(({ id, nodeId, state, expiresAtMs }) => [
          id,
          nodeId,
          state,
          textMoment(expiresAtMs),
        ]);
        return { text: textTable(["ID", "NODE", "STATE", "EXPIRES"], rows), json: { tokens } };
      }),
    );
  asAdminCommand(group.command("revoke"))
    .description("make an unused token worthless")
    .argument("<id>", "as `token list` shows it")
    .action((id: string, options: AdminOptions) =>
      runAdmin(frame, options, async (client, { signal }) => {
        await client.call("RevokeToken", { id }, signal);
        return { text: `${id}: revoked`, json: { id, state: "revoked" } };
      }),
    );
};

/** A duration on the command line. Throws CONFIG_INVALID, which is exit 2. */
export function secondsOf(text: string, option: string): number {
  const span = parseDuration(text);
  if (span.ok) return span.value;
  throw new Fault("CONFIG_INVALID", `${option}: ${span.error}`);
}
