import { Fault } from "../../../foundation/fault.ts";
import { programOf } from "../../config/read-config.ts";
import { type OutputFormat, outputOption, type Registration } from "../command-frame.ts";
import { configReaders } from "../dispatch.ts";

/** `meshmint config check FILE`: what `run` would say about the file, without starting anything. */
export const registerConfig: Registration = (program, frame) => {
  const group = program.command("config").description("configuration files");
  group
    .command("check")
    .description("check FILE with the parser that `run` uses; exit 2 and one line for each problem")
    .argument("<file>", "a YAML file whose key `program` says whose it is")
    .addOption(outputOption())
    .action((file: string, options: { output: OutputFormat }) =>
      frame.run(options.output, async () => {
        const named = await programOf(file);
        const load = configReaders[named];
        if (!load) throw new Fault("CONFIG_INVALID", `${file}: program: "${named}" has no configuration yet`);
        const read = await load();
        await read(file);
        return { text: `${file}: good for ${named}`, json: { file, program: named, valid: true } };
      }),
    );
};
