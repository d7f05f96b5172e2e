import { InvalidArgumentError } from "commander";
import { type OutputFormat, outputOption, type Registration } from "../command-frame.ts";
import { loadDemo } from "../dispatch.ts";

type Options = { proxies: number; keep: boolean; report?: string; output: OutputFormat };

const guide = `
Runs everything on this machine under a temporary folder: tokens and ceremony, signer, server, agent, Envoys that call
each other over mTLS, leaf renewals and a root rotation under traffic. Takes about a minute and a half.
Exit code 0 only if no request failed, every Envoy changed leaf and root, and ledger and HSM journal agree.`;

/** `meshmint demo`: the main job on real parts. */
export const registerDemo: Registration = (program, frame) => {
  program
    .command("demo")
    .description(
      "the main job on real parts: Envoys with certificates from an HSM, renewed and re-rooted under traffic",
    )
    .option("--proxies <n>", "how many Envoys, 2 to 20: one `api`, the others call it", parseProxies, 2)
    .option("--keep", "leave everything running until Ctrl-C, and say how to look at it", false)
    .option("--report <file>", "write the report as JSON")
    .addOption(outputOption())
    .addHelpText("after", guide)
    .action(({ proxies, keep, report: reportFile, output }: Options) =>
      frame.run(output, async ({ signal, progress, answer }) => {
        const { runDemo, reportText } = await loadDemo();
        let exitCode = 1;
        const onReport = (report: Parameters<typeof reportText>[0]) => {
          exitCode = report.ok ? 0 : 1;
          answer({ text: reportText(report), json: report });
        };
        await runDemo({ proxies, keep, reportFile, say: progress, onReport }, signal);
        return { text: "", json: undefined, exitCode };
      }),
    );
};

function parseProxies(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 2 && count <= 20) return count;
  throw new InvalidArgumentError("use a whole number from 2 to 20");
}
