import { type OutputFormat, outputOption, type Registration } from "../command-frame.ts";
import { loadSigner } from "../dispatch.ts";

const guide = `
Opens one token and signs leaves for the server that connects to its Unix socket. The PIN comes from the file that the
configuration names, or from a descriptor (token.pinDescriptor: 3, then \`signer run -c FILE 3< PINFILE\`).
A wrong PIN is tried once: exit code 3. SIGTERM finishes what is being signed.`;

type Options = { config: string; insecurePinEnv: boolean; output: OutputFormat };

/** `meshmint signer run`: the only long-running program that talks to an HSM. */
export const registerSigner: Registration = (program, frame) => {
  program
    .command("signer")
    .description("the program that holds the HSM session")
    .command("run")
    .description("serve signatures on a Unix socket, from one token")
    .requiredOption("-c, --config <file>", "configuration with `program: signer`")
    .option("--insecure-pin-env", "take the PIN from MESHMINT_SIGNER_PIN; it stays readable in /proc", false)
    .addOption(outputOption())
    .addHelpText("after", guide)
    .action(({ config, insecurePinEnv, output }: Options) =>
      frame.run(output, async ({ signal }) => {
        const runSigner = await loadSigner();
        await runSigner({ configFile: config, insecurePinEnv }, signal);
        return undefined;
      }),
    );
};
