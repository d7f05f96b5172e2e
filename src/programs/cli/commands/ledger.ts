import type { AdminClient, AdminReply } from "../../../backends/admin-client/admin-client.ts";
import { groupOf, runAdmin } from "../admin-command.ts";
import type { CommandContext, Registration, Reply } from "../command-frame.ts";
import { loadLedgerFiles } from "../dispatch.ts";
import { registerLedgerExport } from "./ledger-export.ts";
import { registerLedgerProve } from "./ledger-prove.ts";
import { registerLedgerSearch } from "./ledger-search.ts";
import { asLedgerCommand, type LedgerOptions } from "./ledger-source.ts";

const guide = `
Reconciled means: every line of the signer's journal has exactly one intent in the ledger, every certificate exactly
one line, so journal lines = certificates + self-check failed + signed, not recorded + lost by restore. An intent that is open may or may
not have a line; neither counts.`;

/** `meshmint ledger verify|search|prove|export`. */
export const registerLedger: Registration = (program, frame) => {
  const group = groupOf(program, "ledger", "the record of everything issued");
  registerLedgerSearch(group, frame);
  registerLedgerProve(group, frame);
  registerLedgerExport(group, frame);
  asLedgerCommand(group.command("verify"))
    .description("recompute the ledger and reconcile it with the HSM's journal; exit 1 when they differ")
    .addHelpText("after", guide)
    .action((options: LedgerOptions) =>
      options.database === undefined
        ? runAdmin(frame, options, (client, context) => verifyServer(client, context))
        : frame.run(options.output, (context) => verifyFile(options.database ?? "", context)),
    );
};

async function verifyServer(client: AdminClient, { signal, progress }: CommandContext): Promise<Reply> {
  const began = Date.now();
  const telling = setInterval(() => {
    progress(`still at it after ${Math.round((Date.now() - began) / 1000)} s`);
  }, tellEachMs);
  try {
    return replyOf(await client.call("VerifyLedger", {}, signal));
  } finally {
    clearInterval(telling);
  }
}

/** Without the signers' journals, which only the server can ask for. */
async function verifyFile(database: string, { signal, progress }: CommandContext): Promise<Reply> {
  const { openLedgerFile, verifyEntries } = await loadLedgerFiles();
  const file = openLedgerFile(database);
  try {
    let toldAt = Date.now();
    const report = await verifyEntries(file.reader, signal, (done, size) => {
      if (Date.now() - toldAt < tellEachMs) return;
      toldAt = Date.now();
      progress(`${done} of ${size} entries`);
    });
    const { mark, flaws } = report;
    const said = flaws.length === 0 ? "sound" : `NOT sound:\n${flaws.map((line) => `  ${line}`).join("\n")}`;
    const text = `${mark.entries} entries, ${mark.certificates} certificates, ${mark.intents} intents: ${said}`;
    const note =
      "the signers' journals were not asked: a running server's `ledger verify` reconciles with them";
    return {
      text: `${text}\n${note}`,
      json: { ...mark, sound: flaws.length === 0, flaws },
      exitCode: flaws.length === 0 ? 0 : 1,
    };
  } finally {
    file.close();
  }
}

const tellEachMs = 5000;

type Verified = AdminReply<"VerifyLedger">;

function replyOf(found: Verified): Reply {
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
}

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
