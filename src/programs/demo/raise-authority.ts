import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { demoConfigs } from "./demo-configs.ts";
import { run, type Stage } from "./stage.ts";

const held = z.object({
  transcript: z.object({
    certificates: z.array(z.object({ derSha256: z.string(), subjectKeyId: z.string() })).min(1),
  }),
});

/** Folders, PINs and configurations; nothing of it outlives the demo's folder. */
async function prepareFolder({ plan }: Stage): Promise<void> {
  for (const name of ["pins", "tokens", "logs", "bin", "server", "signer", "agent"]) {
    await mkdir(join(plan.folder, name), { mode: 0o700 });
  }
  const conf = `directories.tokendir = ${join(plan.folder, "tokens")}\nobjectstore.backend = file\nlog.level = ERROR\n`;
  await writeFile(plan.softHsmConf, conf);
  for (const name of ["so", "offline", "issuing"]) {
    await writeFile(join(plan.folder, "pins", `${name}.pin`), randomBytes(12).toString("hex"), {
      mode: 0o600,
    });
  }
  for (const [name, config] of Object.entries(demoConfigs(plan))) {
    await writeFile(join(plan.folder, name), `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });
  }
}

/** A root in the offline token and its stock of intermediates in the issuing token. */
export async function holdFirstCeremonies(stage: Stage) {
  await prepareFolder(stage);
  const root = held.parse(await run(stage, "ceremony", "root", "-c", "ceremony-1.yaml"));
  const stock = held.parse(await run(stage, "ceremony", "intermediate", "-c", "ceremony-1.yaml"));
  const count = stock.transcript.certificates.length;
  return { found: `root ${shortHash(root)} in token "offline", ${count} intermediates in token "issuing"` };
}

/** A second root with its own stock, and the cross-certificate by the first. */
export async function holdSecondCeremonies(stage: Stage) {
  const root = held.parse(await run(stage, "ceremony", "root", "-c", "ceremony-2.yaml"));
  await run(stage, "ceremony", "intermediate", "-c", "ceremony-2.yaml");
  await run(stage, "ceremony", "cross", "-c", "ceremony-2.yaml");
  return { found: `root ${shortHash(root)}, its stock, and a cross-certificate by the first root` };
}

const shortHash = ({ transcript }: z.output<typeof held>): string =>
  transcript.certificates[0]?.derSha256.slice(0, 12) ?? "";
