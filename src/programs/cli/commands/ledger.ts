import type { AdminReply } from "../../../backends/admin-client/admin-client.ts";
import { type AdminOptions, asAdminCommand, groupOf, runAdmin } from "../admin-command.ts";
import type { Registration } from "../command-frame.ts";

const guide = `
Reconciled means: every line of the signer's journal has exactly one intent in the ledger, every certificate exactly
one line, so journal lines = certificates + self-check failed + signed, not recorded + lost by restore. An intent that is open may or may
not have a line; neither counts.`;

/** `meshmint ledger verify`: holds the ledger against the signer's journal. */
export const registerLedger: Registration = (program, frame) => {
  const group = groupOf(program, "ledger", "the record of everything issued");
  asAdminCommand(group.command("verify"))
    .description("recount the ledger and the HSM's journal; exit 1 when they differ")
    .addHelpText("after", guide)
    .action((options: AdminOptions) =>
      runAdmin(frame, options, async (client, { signal }) => {
        const found = await client.call("VerifyLedger", {}, signal);
        const text = [
          `journal lines        ${found.journalLines}`,
          `certificates         ${found.certificates}`,
          `self-check failed    ${found.selfCheckFailed}`,
          `signed, not recorded ${found.signedNotRecorded}`,
          ...lostLines(found),
          `not signed           ${found.notSigned}`,
          `open intents         ${found.intentsOpen}`,
          found.reconciled
            ? "reconciled"
            : `NOT reconciled:\n${found.differences.map((line) => `  ${line}`).join("\n")}`,
        ].join("\n");
        return { text, json: withNumbers(found), exitCode: found.reconciled ? 0 : 1 };
      }),
    );
};

/** Said only where there are some, and then at length: they are accounted for, and yet nobody knows what they were. */
const lostLines = ({ lostByRestore }: AdminReply<"VerifyLedger">): string[] =>
  Number(lostByRestore) === 0
    ? []
    : [
        `lost by restore      ${lostByRestore}`,
        "  signed, as the journal says; what for, only the part of the ledger knew that a restore has lost",
      ];

/** The counts as numbers; no ledger has 2^53 rows. */
const withNumbers = ({ reconciled, differences, ...counts }: AdminReply<"VerifyLedger">) => ({
  ...Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, Number(count)])),
  reconciled,
  differences,
});
