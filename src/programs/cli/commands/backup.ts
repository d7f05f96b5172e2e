import { type OutputFormat, outputOption, type Registration, type Reply } from "../command-frame.ts";
import { loadBackup } from "../dispatch.ts";

const backupGuide = `
On the server's machine, as the server's user, while it runs or not. Keys in HSMs are not in it: back tokens up by their own
means, and keep the signers' journals where they are; a restored server asks them what it has lost.
  meshmint backup -c server.yaml --to /backup/2026-11-27`;

const restoreGuide = `
The server must be stopped and its state folder empty: nothing is ever overwritten. At its next start the server compares
itself with the signers' journals; see docs/backup.md.
  meshmint restore -c server.yaml --from /backup/2026-11-27`;

type Options = { config: string; output: OutputFormat };

/** `meshmint backup` and `meshmint restore`: the server's state as files. */
export const registerBackup: Registration = (program, frame) => {
  program
    .command("backup")
    .description("copy the server's state into a new folder, consistent while it runs")
    .requiredOption("-c, --config <file>", "configuration with `program: server`")
    .requiredOption("--to <folder>", "the folder to make")
    .addOption(outputOption())
    .addHelpText("after", backupGuide)
    .action(({ config, to, output }: Options & { to: string }) =>
      frame.run(output, async ({ signal, progress }) => {
        const { backupState } = await loadBackup();
        const manifest = await backupState({ configFile: config, folder: to, progress }, signal);
        return reply(`the state of ${manifest.trustDomain} is in ${to}`, manifest);
      }),
    );
  program
    .command("restore")
    .description("put a backup into the empty state folder of a server that does not run")
    .requiredOption("-c, --config <file>", "configuration with `program: server`")
    .requiredOption("--from <folder>", "the backup's folder")
    .addOption(outputOption())
    .addHelpText("after", restoreGuide)
    .action(({ config, from, output }: Options & { from: string }) =>
      frame.run(output, async ({ signal, progress }) => {
        const { restoreState } = await loadBackup();
        const manifest = await restoreState({ configFile: config, folder: from, progress }, signal);
        const { text, json } = reply(
          `restored ${manifest.trustDomain} as it was at ${manifest.takenAt}`,
          manifest,
        );
        return { text: [text, ...wordForAgents(manifest)].join("\n"), json };
      }),
    );
};

type Taken = Awaited<ReturnType<Awaited<ReturnType<typeof loadBackup>>["backupState"]>>;

/** Said only where there is a checkpoint that agents may have gone beyond. */
const wordForAgents = ({ ledger: { checkpoint, root } }: Taken): string[] =>
  checkpoint === undefined || checkpoint === 0
    ? []
    : [
        "agents that hold a later checkpoint of the ledger go on only when told so, on each node (docs/backup.md):",
        `  meshmint agent accept-restored-ledger -c agent.yaml --size ${checkpoint} --root ${root}`,
      ];

function reply(done: string, manifest: Taken): Reply {
  const { ledger, files } = manifest;
  const text = [
    done,
    `  taken at      ${manifest.takenAt}`,
    `  ledger        ${ledger.entries} entries, ${ledger.certificates} certificates`,
    ...files.map(({ name, size, sha256 }) => `  ${sha256.slice(0, 12)}  ${size} ${name}`),
  ].join("\n");
  return { text, json: manifest };
}
