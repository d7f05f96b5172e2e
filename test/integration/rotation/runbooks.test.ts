/** The runbooks of docs/rotation.md, command by command as they stand there, against the real programs. */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { AdminClient } from "../../../src/backends/admin-client/admin-client.ts";
import { eventually } from "../../parts/eventually.ts";
import { Mesh } from "../../parts/mesh.ts";
import { needs, projectRoot } from "../../parts/parts.ts";

const test = needs("softhsm");
const rules =
  "rotation: { settle: 1s, reissueSpread: 1s, maxClockSkew: 1s, cohorts: { order: [10%], soak: 1s } }\n";
const never = new AbortController().signal;

type Runbook = { readonly title: string; readonly commands: readonly string[] };

const page = readFileSync(join(projectRoot, "docs/rotation.md"), "utf8");
const [, section = ""] = /\n## Runbooks\n([\s\S]*?)\n## /.exec(page) ?? [];
const runbooks: readonly Runbook[] = section
  .split("\n### ")
  .slice(1)
  .map((text) => ({
    title: text.slice(0, text.indexOf("\n")),
    commands: [...text.matchAll(/^meshmint .*$/gm)].map(([line]) => line.replace(/\s+#.*$/, "")),
  }));

let mesh: Mesh;
let admin: AdminClient;

beforeAll(async () => {
  mesh = await Mesh.start({ adjust: (file, text) => (file === "server.yaml" ? `${text}${rules}` : text) });
  mesh.register("web");
  admin = new AdminClient(mesh.adminSocket);
  const first = readFileSync(join(mesh.folder, "etc/ceremony.yaml"), "utf8");
  const write = (n: number, root: number, change = (text: string) => text) => {
    const own = first
      .replace(/^outputFolder: .*$/m, `outputFolder: ceremony-${n}`)
      .replace("root-1", `root-${root}`)
      .replace("issuing-1", `issuing-${n}`);
    writeFileSync(join(mesh.folder, `ceremony-${n}.yaml`), change(own));
  };
  write(2, 2, (text) => `${text}cross: { oldRootLabel: root-1 }\n`);
  write(3, 3);
  write(4, 4);
  const inForce = JSON.stringify("ceremony-3/break-glass-issuing-3-1.pem");
  write(5, 3, (text) => text.replace(/^(intermediate: \{)/m, `$1 listInForce: ${inForce},`));
}, 120_000);
afterAll(async () => {
  admin?.close();
  await mesh?.stop();
});

function run(command: string): { status: number | null; said: string } {
  const env = {
    ...process.env,
    PATH: `${join(projectRoot, "bin")}:${process.env.PATH}`,
    SOFTHSM2_CONF: join(mesh.folder, "etc/softhsm2.conf"),
    MESHMINT_ADMIN: mesh.adminSocket,
  };
  const { status, stdout, stderr } = spawnSync("sh", ["-c", command], {
    cwd: mesh.folder,
    env,
    encoding: "utf8",
  });
  return { status, said: `${command}: exit ${status}\n${stdout}${stderr}` };
}

/** With what a person would have read from the status in the place of the words for it. */
async function filledIn(command: string): Promise<string> {
  const { proxies, activeAuthority } = await admin.call("ListProxies", { laggingOnly: false }, never);
  const agent = proxies.find(({ holder }) => holder?.kind === "HOLDER_KIND_AGENT");
  return command.replace("HOLDER", agent?.id ?? "").replace("AUTHORITY", activeAuthority);
}

/** A step that waits for somebody is asked for again, as the page says. */
async function follow(command: string): Promise<void> {
  const filled = await filledIn(command);
  let last = run(filled);
  const waits = () => last.status !== 0 && last.said.includes("ROTATION_REFUSED");
  if (/rotation (?:activate|retire|start)/.test(command)) {
    await eventually(command, () => {
      if (waits()) last = run(filled);
      return !waits();
    });
  }
  expect(last.status, last.said).toBe(0);
}

const status = () => admin.call("GetRotation", {}, never);

/** What has to be the case before somebody opens the page there. */
const beginnings: Readonly<Record<string, () => void>> = {
  "Failed: something is wrong, or somebody stays behind"() {
    const ceremonies = ["root", "intermediate"].map((one) => `meshmint ceremony ${one} -c ceremony-4.yaml`);
    const files = "--root ceremony-4/root.pem --intermediate ceremony-4/issuing-4-1.pem";
    for (const command of [...ceremonies, `meshmint rotation start ${files} --no-cohorts`]) {
      const { status: code, said } = run(command);
      expect(code, said).toBe(0);
    }
  },
};

/** What each has to come to. */
const outcomes: Readonly<Record<string, () => Promise<unknown>>> = {
  "Planned: another root": async () => expect((await status()).phase).toBe("done"),
  "Planned: the next intermediate": async () => expect((await status()).phase).toBe("done"),
  "Failed: something is wrong, or somebody stays behind": async () =>
    expect(await status()).toMatchObject({ phase: "idle", rollbackReason: "it was the rotation" }),
  "Emergency: a root's key is lost": async () =>
    expect((await admin.call("GetBundle", {}, never)).anchorsDer).toHaveLength(1),
  async "Emergency: an intermediate's key is lost"() {
    await eventually("the incident to be closed", async () => {
      const { stage } = await admin.call("GetIncident", {}, never);
      return stage === "closed";
    });
    expect((await status()).phase).toBe("done");
    const { revocationListsDer } = await admin.call("GetBundle", {}, never);
    const files = readFileSync(join(mesh.folder, "ceremony-5/lists.pem"), "utf8");
    expect(revocationListsDer.map((der) => der.toString("base64"))).toEqual(
      files.match(/(?<=CRL-----\n)[^-]+/g)?.map((text) => text.replaceAll("\n", "")),
    );
  },
};

describe("docs/rotation.md", () => {
  test("has a runbook for each outcome and no other", () => {
    expect(runbooks.map(({ title }) => title)).toEqual(Object.keys(outcomes));
  });

  test.each(runbooks)("runbook: $title", async ({ title, commands }) => {
    expect(commands.length).toBeGreaterThan(2);
    beginnings[title]?.();
    for (const command of commands) await follow(command);
    await outcomes[title]?.();
  });
});
