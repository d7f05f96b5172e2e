import { type OutputFormat, outputOption, type Registration } from "../command-frame.ts";
import { loadAcceptRestoredLedger, loadAgent } from "../dispatch.ts";
import { countOf } from "./ledger-search.ts";

const guide = `
Serves SDS and the SPIFFE Workload API to the processes of this node on one Unix socket. The first start needs a join
token (\`meshmint token create\`); later ones use the node SVID that it keeps in its state folder.`;

const acceptGuide = `
After \`meshmint restore\` agents that hold a later checkpoint than the restored ledger's report that it has diverged. Only on an
operator's word, given on each node as the agent's user, do they take it: size and root are those that \`meshmint restore\` printed. What
they held is kept in ledger-evidence.jsonl of the agent's state folder and recorded by the server. See docs/backup.md.
  meshmint agent accept-restored-ledger -c agent.yaml --size 120034 --root 5f…`;

type Options = { config: string; output: OutputFormat };

/** `meshmint agent run`: `agent list` and the like are the server's, in a file of their own. */
export const registerAgentRun: Registration = (program, frame) => {
  const known = program.commands.find((command) => command.name() === "agent");
  const group = known ?? program.command("agent").description("agents: one on each node");
  group
    .command("run")
    .description("serve this node's proxies and workloads")
    .requiredOption("-c, --config <file>", "configuration with `program: agent`")
    .addOption(outputOption())
    .addHelpText("after", guide)
    .action(({ config, output }: Options) =>
      frame.run(output, async ({ signal }) => {
        const runAgent = await loadAgent();
        await runAgent({ configFile: config }, signal);
        return undefined;
      }),
    );
  group
    .command("accept-restored-ledger")
    .description("let this node's agent go on with a ledger that was restored from a backup")
    .requiredOption("-c, --config <file>", "configuration with `program: agent`")
    .requiredOption("--size <n>", "entries of the restored ledger")
    .requiredOption("--root <hex>", "root of the tree over them")
    .addOption(outputOption())
    .addHelpText("after", acceptGuide)
    .action(({ config, size, root, output }: Options & { size: string; root: string }) =>
      frame.run(output, async () => {
        const acceptRestoredLedger = await loadAcceptRestoredLedger();
        const word = { size: countOf("--size", size), root: root.toLowerCase() };
        await acceptRestoredLedger(config, word);
        return {
          text: "the agent has your word, and looks at it when it next asks for a checkpoint",
          json: word,
        };
      }),
    );
};
