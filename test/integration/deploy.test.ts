/** What deploy/ ships is loaded here by the programs that will load it: nothing in it is only text. */

import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import process from "node:process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { Fault, type FaultCode } from "../../src/foundation/fault.ts";
import { exitCodeOf } from "../../src/programs/cli/command-frame.ts";
import { meshmint } from "../parts/ceremony.ts";
import { Mesh } from "../parts/mesh.ts";
import { needs, part, projectRoot } from "../parts/parts.ts";
import { accepts } from "../parts/program.ts";

const deploy = (path: string): string => join(projectRoot, "deploy", path);
const read = (path: string): string => readFileSync(deploy(path), "utf8");

function run(program: string, argv: readonly string[]): { status: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync(program, argv, { encoding: "utf8", cwd: projectRoot });
  return { status, said: `${stdout}${stderr}` };
}

describe("Envoy", () => {
  const bootstraps = globSync("deploy/{envoy/*,compose/*.envoy}.yaml", { cwd: projectRoot });

  needs("envoy")("accepts every bootstrap that we ship", () => {
    expect(bootstraps).toHaveLength(4);
    for (const file of bootstraps) {
      expect(run(part("envoy"), ["--mode", "validate", "-c", file]), file).toMatchObject({ status: 0 });
    }
  });

  test("the bootstrap for Delta is the one for state of the world, but for the API's type", () => {
    const stateOfTheWorld = JSON.stringify(parse(read("envoy/sotw.yaml")));
    expect(stateOfTheWorld).toContain('"api_type":"GRPC"');
    expect(JSON.stringify(parse(read("envoy/delta.yaml")))).toBe(
      stateOfTheWorld.replaceAll('"api_type":"GRPC"', '"api_type":"DELTA_GRPC"'),
    );
  });

  test("README.md shows both bootstraps whole", () => {
    const readme = readFileSync(join(projectRoot, "README.md"), "utf8");
    for (const form of ["sotw", "delta"]) expect(readme).toContain(read(`envoy/${form}.yaml`));
  });
});

test.each(
  globSync("deploy/compose/*.yaml", { cwd: projectRoot }).filter((file) => !file.endsWith(".envoy.yaml")),
)("meshmint accepts %s", (file) =>
  expect(meshmint(["config", "check", join(projectRoot, file)])).toMatchObject({ status: 0 }),
);

describe("compose.yaml", () => {
  type Service = {
    user: string;
    build: boolean;
    command: string[] | null;
    mounts: { type: string; source: string }[];
  };
  let services: Record<string, Service> = {};

  needs("go clients")("is loaded by compose-go, with every service", () => {
    const { status, said } = run(join(part("go clients"), "compose-check"), ["deploy/compose.yaml"]);
    expect(status, said).toBe(0);
    services = JSON.parse(said) as Record<string, Service>;
    expect(Object.keys(services).toSorted()).toEqual([
      "agent",
      "api",
      "ceremony",
      "enrol",
      "prometheus",
      "server",
      "signer",
      "web",
    ]);
    for (const [name, { build, user, mounts, command }] of Object.entries(services)) {
      if (build)
        expect(user, `${name} must not be root, and no two programs one user`).toMatch(/^1000[123]:/);
      for (const mount of mounts)
        if (mount.type === "bind") expect(existsSync(mount.source), mount.source).toBe(true);
      for (const word of command ?? []) {
        if (word.startsWith("/etc/meshmint/"))
          expect(existsSync(deploy(`compose/${basename(word)}`)), word).toBe(true);
      }
    }
    expect(services.signer?.user).not.toBe(services.server?.user);
  });

  test("the signer admits the server, and itself for its health check, and nobody else", () => {
    const compose = parse(read("compose.yaml")) as { services: Record<string, { user: string }> };
    const signer = parse(read("compose/signer.yaml")) as { socket: { allowedUids: number[] } };
    const users = ["signer", "server"].map((name) => Number(compose.services[name]?.user.split(":")[0]));
    expect(signer.socket.allowedUids).toEqual(users);
  });

  needs("promtool")("Prometheus accepts its configuration", () => {
    const { status, said } = run(part("promtool"), ["check", "config", deploy("compose/prometheus.yml")]);
    expect(status, said).toBe(0);
  });
});

describe("alerts", () => {
  const rules = readFileSync(deploy("prometheus/alerts.yml"), "utf8");

  needs("promtool")("each is set off by its metric, and none by a mesh in good health", () => {
    const { status, said } = run(part("promtool"), ["test", "rules", deploy("prometheus/alerts.test.yml")]);
    expect(status, said).toBe(0);
    const tried = readFileSync(deploy("prometheus/alerts.test.yml"), "utf8");
    for (const [, name] of rules.matchAll(/alert: (\w+)/g))
      expect(tried.split(`alertname: ${name}\n`).length, name).toBeGreaterThan(1);
  });

  test("every metric that they look at is one of ours", () => {
    const sources = globSync("src/**/*.ts", { cwd: projectRoot }).filter((path) => !path.includes(".test."));
    const all = sources.map((path) => readFileSync(join(projectRoot, path), "utf8")).join("\n");
    const names = new Set([...rules.matchAll(/meshmint_([a-z_]+)/g)].map(([, name]) => name));
    expect(names.size).toBeGreaterThan(15);
    expect([...names].filter((name) => !all.includes(`"${name}"`))).toEqual([]);
  });
});

describe("systemd", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "meshmint-systemd-"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  needs("systemd-analyze")("verifies each unit", () => {
    const units = globSync("deploy/systemd/*.service", { cwd: projectRoot });
    expect(units).toHaveLength(3);
    const copies = units.map((unit) => {
      const copy = join(folder, basename(unit));
      writeFileSync(
        copy,
        readFileSync(join(projectRoot, unit), "utf8").replace("/opt/meshmint/bin", join(projectRoot, "bin")),
      );
      return copy;
    });
    const { status, said } = run(part("systemd-analyze"), ["verify", "--man=no", ...copies]);
    expect(said).not.toContain("meshmint-");
    expect(status, said).toBe(0);
  });

  test("what a restart cannot mend is not tried again: a refused PIN by the signer, a refused join token by the agent", () => {
    const prevented = (program: string) =>
      /^RestartPreventExitStatus=(.+)$/m.exec(read(`systemd/meshmint-${program}.service`))?.[1]?.split(" ");
    const exitCode = (code: FaultCode) => String(exitCodeOf(new Fault(code, "")));
    expect(prevented("signer")).toContain(exitCode("HSM_PIN_REFUSED"));
    expect(prevented("agent")).toContain(exitCode("ATTESTATION_FAILED"));
  });

  test("signer, server and agent are different users, and the units' users and groups are made", () => {
    const users = ["signer", "server", "agent"].map(
      (program) => /^User=(.+)$/m.exec(read(`systemd/meshmint-${program}.service`))?.[1],
    );
    expect(new Set(users).size).toBe(3);
    const made = read("systemd/meshmint.sysusers.conf");
    for (const user of users) expect(made).toContain(`u ${user} `);
  });
});

describe("the image", () => {
  const dockerfile = read("Dockerfile");
  let image: string;
  beforeAll(() => {
    image = mkdtempSync(join(tmpdir(), "meshmint-image-"));
  });
  afterAll(() => rmSync(image, { recursive: true }));

  test("is built of files that are here, and is run by nobody's root, watched", () => {
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(
      ([, paths]) => paths?.split(" ") ?? [],
    );
    expect(copied.filter((path) => !existsSync(join(projectRoot, path)))).toEqual([]);
    expect(dockerfile).toMatch(/^USER 1000\d:/m);
    expect(dockerfile).toMatch(/^HEALTHCHECK .*healthcheck\.mjs/m);
  });

  needs("softhsm")(
    "holds all that its programs need: each starts from dist/, without src/",
    { timeout: 240_000 },
    async () => {
      const program = layOut(dockerfile, image);
      expect(existsSync(join(program, "../../src"))).toBe(false);
      const mesh = await Mesh.start({ program });
      try {
        mesh.register("web");
        expect(await accepts(mesh.agentSocket)).toBe(true);
      } finally {
        await mesh.stop();
      }
    },
  );
});

/** Does in a folder what the Dockerfile does, from its own COPY lines, and gives the program's path. */
function layOut(dockerfile: string, image: string): string {
  const built = join(image, "build/dist");
  const tsc = join(projectRoot, "node_modules/typescript/bin/tsc");
  const compiled = run(process.execPath, [tsc, "-p", "tsconfig.build.json", "--outDir", built]);
  expect(compiled.status, compiled.said).toBe(0);
  for (const [, from = "", to = ""] of dockerfile.matchAll(
    /^COPY --from=build \/opt\/meshmint\/(\S+) (\S+)$/gm,
  )) {
    const source = from === "dist" ? built : join(projectRoot, from);
    const target = join(image, "opt", to);
    mkdirSync(join(target, ".."), { recursive: true });
    if (from === "node_modules") symlinkSync(source, target);
    else cpSync(source, target, { recursive: true });
  }
  return join(image, "opt/bin/meshmint");
}
