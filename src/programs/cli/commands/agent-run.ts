import { type OutputFormat, outputOption, type Registration } from "../command-frame.ts";
import { loadAgent } from "../dispatch.ts";

const guide = `
Serves SDS and the SPIFFE Workload API to the processes of this node on one Unix socket. The first start needs a join
token (\`meshmint token create\`); later ones use the node SVID that it keeps in its state folder.`;

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
};
