import { type OutputFormat, outputOption, type Registration } from "../command-frame.ts";
import { loadServer } from "../dispatch.ts";

const guide = `
Needs a signer on the socket that the configuration names; while there is none the server waits for it, and says so on
its ops port (/ready) and to \`meshmint\` commands on its admin socket. SIGTERM finishes what is under way.`;

type Options = { config: string; output: OutputFormat };

/** `meshmint server run`: the certificate authority itself. */
export const registerServer: Registration = (program, frame) => {
  program
    .command("server")
    .description("the certificate authority that agents and operators talk to")
    .command("run")
    .description("serve agents over TLS and operators on a Unix socket")
    .requiredOption("-c, --config <file>", "configuration with `program: server`")
    .addOption(outputOption())
    .addHelpText("after", guide)
    .action(({ config, output }: Options) =>
      frame.run(output, async ({ signal }) => {
        const runServer = await loadServer();
        await runServer({ configFile: config }, signal);
        return undefined;
      }),
    );
};
