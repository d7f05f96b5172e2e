import { type AdminOptions, asAdminCommand, groupOf, runAdmin } from "../admin-command.ts";
import type { Registration } from "../command-frame.ts";

/** `meshmint ledger verify`: holds the ledger against the signer's journal. */
export const registerLedger: Registration = (program, frame) => {
  const group = groupOf(program, "ledger", "the record of everything issued");
  asAdminCommand(group.command("verify"))
    .description("recount the ledger and the HSM's journal; exit 1 when they differ")
    .action((options: AdminOptions) =>
      runAdmin(frame, options, async (client, { signal }) => {
        const found = await client.call("VerifyLedger", {}, signal);
        const text = [
          `journal lines        ${found.journalLines}`,
          `certificates         ${found.certificates}`,
          `self-check failed    ${found.selfCheckFailed}`,
          `signed, not recorded ${found.signedNotRecorded}`,
          `not signed           ${found.notSigned}`,
          `open intents         ${found.intentsOpen}`,
          found.reconciled
            ? "reconciled"
            : `NOT reconciled:\n${found.differences.map((line) => `  ${line}`).join("\n")}`,
        ].join("\n");
        return { text, json: found, exitCode: found.reconciled ? 0 : 1 };
      }),
    );
};
