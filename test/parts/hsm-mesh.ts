import { X509Certificate } from "node:crypto";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { BenchAgent } from "../../bench/parts/bench-agent.ts";
import { BenchMesh } from "../../bench/parts/bench-mesh.ts";
import { takeCsrs } from "../../bench/parts/csr-stock.ts";
import { openIssueClient } from "../../bench/parts/issue-client.ts";
import { part } from "./parts.ts";
import { Pkcs11Faults } from "./pkcs11-faults/pkcs11-faults.ts";

const signal = new AbortController().signal;

type Answer = { readonly issued: X509Certificate | undefined; readonly refused: string | undefined };

export type HsmMeshOptions = {
  /** Merged over the signer's configuration. */
  readonly signer?: Readonly<Record<string, unknown>>;
  /** Names of the signers, each on a copy of the token of its own; one named "signer" when left out. */
  readonly names?: readonly string[];
};

/** Server and signer as processes, on tokens with faults, and a node that asks for certificates. */
export class HsmMesh {
  readonly mesh: BenchMesh;
  /** The token of each signer, in the order of their names. */
  readonly hsms: readonly Pkcs11Faults[];
  readonly #folder: string;
  readonly #agent: BenchAgent;
  readonly #entryIds: readonly string[];
  readonly #csrs: Buffer[] = [];
  /** Every certificate that was handed out. */
  readonly issued: X509Certificate[] = [];

  private constructor(parts: {
    mesh: BenchMesh;
    hsms: readonly Pkcs11Faults[];
    folder: string;
    agent: BenchAgent;
    entryIds: readonly string[];
  }) {
    this.mesh = parts.mesh;
    this.hsms = parts.hsms;
    this.#folder = parts.folder;
    this.#agent = parts.agent;
    this.#entryIds = parts.entryIds;
  }

  static async start({ signer = {}, names = ["signer"] }: HsmMeshOptions = {}): Promise<HsmMesh> {
    const folder = mkdtempSync(join(tmpdir(), "meshmint-hsm-"));
    const real = part("softhsm");
    const hsms = names.map((name, at) => {
      const softHsmConf = at === 0 ? "" : join(folder, `${name}.conf`);
      return new Pkcs11Faults({ folder, real, name, softHsmConf });
    });
    const mesh = await BenchMesh.start({
      module: hsms[0]?.module ?? real,
      prepare: (meshFolder) => cloneTokens({ folder, meshFolder, names }),
      ...(names.length > 1 ? severalSigners(names, hsms, signer) : { signer }),
    });
    const agent = await mesh.enrol("hsm", signal);
    const entryIds = await mesh.register(agent, { prefix: "hsm", count: 16 }, signal);
    return new HsmMesh({ mesh, hsms, folder, agent, entryIds });
  }

  get hsm(): Pkcs11Faults {
    const [first] = this.hsms;
    if (first === undefined) throw new Error("no token");
    return first;
  }

  /** Asks for so many certificates in one message. */
  async ask(count: number): Promise<readonly Answer[]> {
    if (this.#csrs.length < count) this.#csrs.push(...(await takeCsrs(1024)));
    const csrs = this.#csrs.splice(0, count);
    const client = openIssueClient(this.#agent, "unary");
    const results = await client.issue(
      csrs.map((csrDer, at) => ({ csrDer, entryId: this.#entryIds[at % this.#entryIds.length] ?? "" })),
    );
    return results.map((result) => {
      const [leaf] = result.issued?.chainDer ?? [];
      const issued = leaf && new X509Certificate(leaf);
      if (issued) this.issued.push(issued);
      return { issued, refused: result.refused?.code };
    });
  }

  /** Asks again and again, a few at a time, until `stop` is called; gives all the answers. */
  load(): { stop(): Promise<readonly Answer[]> } {
    const answers: Answer[] = [];
    let on = true;
    const caller = async () => {
      while (on) {
        const got = await this.ask(8);
        answers.push(...got);
        if (got.some(({ issued }) => !issued)) await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };
    const callers = Promise.all([caller(), caller(), caller(), caller()]);
    return {
      async stop() {
        on = false;
        await callers;
        return answers;
      },
    };
  }

  async verify() {
    const found = await this.mesh.admin.call("VerifyLedger", {}, signal);
    const { differences, reconciled } = found;
    return {
      differences,
      reconciled,
      journalLines: Number(found.journalLines),
      selfCheckFailed: Number(found.selfCheckFailed),
      intentsOpen: Number(found.intentsOpen),
      accounted: Number(found.certificates) + Number(found.selfCheckFailed) + Number(found.signedNotRecorded),
    };
  }

  async signers() {
    return (await this.mesh.admin.call("ListSigners", {}, signal)).signers;
  }

  async release(name: string): Promise<void> {
    await this.mesh.admin.call("ReleaseSigner", { name, reason: "a test" }, signal);
  }

  /** The value of a metric, by its name and labels as they stand in the exposition. */
  async metric(name: string): Promise<number> {
    const [value = 0] = await this.metrics([name]);
    return value;
  }

  /** Several of the same moment. */
  async metrics(names: readonly string[]): Promise<readonly number[]> {
    const lines = (await (await fetch(`${this.mesh.opsUrl}/metrics`)).text()).split("\n");
    return names.map((name) => {
      const line = lines.find((candidate) => candidate.startsWith(`${name} `));
      return Number(line?.slice(name.length + 1) ?? 0);
    });
  }

  /** Certificates that do not verify under the intermediate, and serial numbers that came twice. */
  flaws(): readonly string[] {
    const pem = readFileSync(this.mesh.path("ceremony/issuing-1.pem"));
    const issuer = new X509Certificate(pem);
    const wrong = this.issued.filter((leaf) => !leaf.verify(issuer.publicKey));
    const serials = new Set(this.issued.map(({ serialNumber }) => serialNumber));
    const twice = this.issued.length - serials.size;
    return [
      ...wrong.map(({ serialNumber }) => `${serialNumber} does not verify`),
      ...(twice > 0 ? [`${twice} serials twice`] : []),
    ];
  }

  /** The ledger's events whose text holds this, as text. */
  ledgerEvents(containing: string): readonly string[] {
    const database = new DatabaseSync(this.mesh.path("server/ledger.db"), { readOnly: true });
    try {
      const rows = database.prepare("SELECT body FROM entries WHERE outcome = 0 ORDER BY log_index").all();
      return rows
        .map(({ body }) => Buffer.from(body as Uint8Array).toString("latin1"))
        .filter((text) => text.includes(containing));
    } finally {
      database.close();
    }
  }

  async stop(): Promise<void> {
    for (const hsm of this.hsms) hsm.mend();
    await this.mesh.stop();
    for (const hsm of this.hsms) hsm.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** A copy of the token's folder is what a cloned partition is: the same keys behind another slot. */
function cloneTokens({
  folder,
  meshFolder,
  names,
}: {
  folder: string;
  meshFolder: string;
  names: readonly string[];
}): void {
  for (const name of names.slice(1)) {
    const clone = join(folder, `${name}-tokens`);
    cpSync(join(meshFolder, "tokens"), clone, { recursive: true });
    const conf = `directories.tokendir = ${clone}\nobjectstore.backend = file\nlog.level = ERROR\n`;
    writeFileSync(join(folder, `${name}.conf`), conf);
  }
}

function severalSigners(
  names: readonly string[],
  hsms: readonly Pkcs11Faults[],
  common: Readonly<Record<string, unknown>>,
) {
  // BenchMesh waits for signer.sock: the first one's.
  const socketOf = (at: number) => (at === 0 ? "signer.sock" : `signer-${at}.sock`);
  const tokens = names.map((name, at) => ({
    name,
    socket: socketOf(at),
    journal: `signer/journal-${name}`,
    token: { label: "issuing", pinFile: "issuing.pin", module: hsms[at]?.module },
  }));
  const signers = names.map((name, at) => ({ name, socket: socketOf(at) }));
  return {
    signer: { ...common, token: undefined, journal: undefined, tokens },
    server: { signer: undefined, signers },
  };
}

/** The children of a process: a supervisor's workers. */
export const childrenOf = (pid: number): readonly number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number);

/** Open descriptors and resident kilobytes of a process. */
export function resourcesOf(pid: number): { readonly descriptors: number; readonly rssKiB: number } {
  const rss = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return { descriptors: readdirSync(`/proc/${pid}/fd`).length, rssKiB: Number(rss) };
}
