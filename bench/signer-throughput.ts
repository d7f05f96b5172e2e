/**
 * What does the signer's process cost over the bare token? Signatures per second and CPU of the signing process, P-256, four
 * sessions: graphene alone, then `signer run` behind its socket with grammar and journal, batches of 64 from 4 callers.
 * Usage: node bench/signer-throughput.ts [--json FILE]
 */
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { findKey } from "../src/backends/pkcs11/key-objects.ts";
import { openModule } from "../src/backends/pkcs11/module.ts";
import { signDigest } from "../src/backends/pkcs11/one-shot-sign.ts";
import { openToken } from "../src/backends/pkcs11/token.ts";
import { SignerClient } from "../src/backends/signer-process/signer-client.ts";
import type { AuthorityKey } from "../src/custody/ca-token.ts";
import { leaf } from "../src/custody/custody.fixtures.ts";
import {
  makeSignerSite,
  type SignerSite,
  startSigner,
  tokenLabel,
  userPin,
  workerPid,
} from "../test/parts/signer.ts";

const sessions = 4;
const signatures = 20_000;
const batchItems = 64;
const callers = 4;

type Row = { readonly what: string; readonly perSecond: number; readonly cpuMicros: number };

async function bare(keyId: string): Promise<Row> {
  const module = openModule();
  const pin = new TextEncoder().encode(userPin);
  const token = openToken(module, { label: tokenLabel, pin, access: "read-only" });
  const key = findKey(token, keyId);
  if (key === undefined) throw new Error("the key is not there");
  const digests = Array.from({ length: 256 }, () => randomBytes(32));
  let left = signatures;
  const work = async () => {
    const session = token.openSession();
    while (left-- > 0) await signDigest(session, key, digests[left & 255] ?? randomBytes(32));
  };
  const from = performance.now();
  const cpuFrom = process.cpuUsage();
  await Promise.all(Array.from({ length: sessions }, work));
  const { user, system } = process.cpuUsage(cpuFrom);
  const seconds = (performance.now() - from) / 1000;
  module.close();
  return { what: "bare graphene", perSecond: signatures / seconds, cpuMicros: (user + system) / signatures };
}

async function overSocket(site: SignerSite, key: AuthorityKey): Promise<Row> {
  const signer = startSigner(site);
  const client = new SignerClient({ socketPath: site.socket, patienceMs: 20_000 });
  const { signal } = new AbortController();
  const batches = Array.from({ length: Math.ceil(signatures / batchItems) }, () =>
    Array.from({ length: batchItems }, () => ({ keyId: key.keyId, tbs: leaf(key, new Date()) })),
  );
  const count = batches.length * batchItems;
  await client.sign(batches[0] ?? [], signal);
  const pid = await workerPid(signer);
  const work = async () => {
    for (let batch = batches.pop(); batch !== undefined; batch = batches.pop()) {
      const outcomes = await client.sign(batch, signal);
      if (outcomes.some((outcome) => !outcome.ok)) throw new Error("an item was refused");
    }
  };
  const from = performance.now();
  const cpuFrom = cpuMicrosOf(pid);
  await Promise.all(Array.from({ length: callers }, work));
  const seconds = (performance.now() - from) / 1000;
  const cpuMicros = (cpuMicrosOf(pid) - cpuFrom) / count;
  client.close();
  await signer.stop();
  return { what: "signer over its socket", perSecond: count / seconds, cpuMicros };
}

/** utime and stime of proc(5), in ticks of 10 ms. */
function cpuMicrosOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ").at(-1)?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

const [mode, argument] = process.argv.slice(2);
if (mode === "bare") {
  console.log(JSON.stringify(await bare(argument ?? "")));
} else {
  const site = makeSignerSite();
  const key = site.addAuthority("bench");
  const environment = { ...process.env, UV_THREADPOOL_SIZE: String(sessions + 2) };
  const alone = spawnSync(process.execPath, [import.meta.filename, "bare", key.keyId], {
    env: environment,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  const rows: Row[] = [JSON.parse(alone.stdout), await overSocket(site, key)];
  site.remove();
  for (const { what, perSecond, cpuMicros } of rows) {
    console.log(
      `${what.padEnd(24)} ${perSecond.toFixed(0).padStart(8)}/s ${cpuMicros.toFixed(1).padStart(8)} µs CPU`,
    );
  }
  if (mode === "--json" && argument !== undefined) writeFileSync(argument, JSON.stringify(rows, null, 2));
}
