import { X509Certificate } from "node:crypto";
import process from "node:process";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ThreadedLeafCrypto } from "../../../src/backends/node-crypto/threaded-leaf-crypto.ts";
import { SignerClient } from "../../../src/backends/signer-process/signer-client.ts";
import type { IssuancePipeline } from "../../../src/control/issuance/pipeline.ts";
import { OrphanCloser } from "../../../src/control/ledger/orphan-closer.ts";
import { verifyLedger } from "../../../src/control/ledger/verify-ledger.ts";
import type { Authority } from "../../../src/domain/trust/authority.ts";
import { systemClock } from "../../../src/foundation/clock.ts";
import { startLeafThreads } from "../../../src/programs/server/leaf-threads.ts";
import { openLedgerAt } from "../../contract/ledger/temporary-ledger.ts";
import { badCsrs, newP256Csr } from "../../fakes/csr-maker.ts";
import { agent, issuanceRig } from "../../fakes/issuance-rig.ts";
import { loneFleet } from "../../fakes/lone-fleet.ts";
import { eventually } from "../../parts/eventually.ts";
import {
  makeSignerSite,
  type SignerProcess,
  type SignerSite,
  startSigner,
  workerPid,
} from "../../parts/signer.ts";

const never = new AbortController().signal;
let site: SignerSite;
let signerProcess: SignerProcess;
let close: (() => unknown)[];

beforeEach(() => {
  site = makeSignerSite();
  close = [() => site.remove()];
});
afterEach(async () => {
  for (const step of close.reverse()) await step();
});

/** The pipeline with leaf threads, a signer process on SoftHSM and a ledger on disk. */
async function raise() {
  const key = site.addAuthority("issuing");
  signerProcess = startSigner(site);
  close.push(() => signerProcess.stop());
  const signer = new SignerClient({ socketPath: site.socket, patienceMs: 30_000 });
  close.push(() => signer.close());
  const threads = startLeafThreads(2, (cause) => {
    throw cause;
  });
  close.push(() => threads.close());
  const ledger = await openLedgerAt();
  const authority: Authority = {
    keyId: key.keyId,
    certificate: key.certificate,
    anchorSha256: "",
    crossCertificates: [],
    notBefore: new Date("2026-01-01T00:00:00Z"),
    notAfter: new Date("2036-01-01T00:00:00Z"),
  };
  const rig = issuanceRig({
    issuers: { current: () => ({ ok: true, value: authority }), isOpen: () => true },
    crypto: new ThreadedLeafCrypto(threads),
    signers: loneFleet(signer),
    ledger: ledger.writer,
    clock: systemClock,
  });
  return { ...rig, ledger, signer, key };
}

const issue = (pipeline: IssuancePipeline, csr: Uint8Array) =>
  pipeline.issue(
    { caller: { kind: "agent", id: agent }, wanted: { kind: "entry", entryId: "web" }, csr },
    never,
  );

test("the token signs what the pipeline makes, bad items aside, and ledger and journal agree", async () => {
  const { pipeline, ledger, signer, key } = await raise();
  const good = Array.from({ length: 150 }, () => newP256Csr());
  const outcomes = await Promise.all(
    [...good, ...Object.values(badCsrs())].map((csr) => issue(pipeline, csr)),
  );
  const issued = outcomes.flatMap((outcome) => (outcome.ok ? [outcome.value] : []));
  expect(issued).toHaveLength(good.length);
  expect(outcomes.slice(0, good.length).every((outcome) => outcome.ok)).toBe(true);
  const { publicKey } = new X509Certificate(key.certificate);
  for (const { chain } of issued) expect(new X509Certificate(chain[0] ?? "").verify(publicKey)).toBe(true);
  const report = await verifyLedger({ reader: ledger.reader, journal: signer }, never);
  expect(report).toMatchObject({ reconciled: true, journalLines: 150, certificates: 150, intents: 150 });
});

test("the signer's worker killed again and again: callers that come again are served, and every signature is accounted for", async () => {
  const { pipeline, ledger, signer } = await raise();
  expect((await issue(pipeline, newP256Csr())).ok).toBe(true);
  let issued = 0;
  const caller = async () => {
    for (let count = 0; count < 60; ) {
      const outcome = await issue(pipeline, newP256Csr()).catch(() => undefined);
      if (outcome?.ok) {
        issued += 1;
        count += 1;
      }
    }
  };
  const callers = Promise.all(Array.from({ length: 16 }, caller));
  for (const share of [100, 300, 500]) {
    await eventually(`${share} leaves`, () => issued >= share, 90_000);
    process.kill(await workerPid(signerProcess), "SIGKILL");
  }
  await callers;
  await new OrphanCloser({ reader: ledger.reader, writer: ledger.writer, journal: signer }).close(
    new Date(),
    never,
  );
  const report = await verifyLedger({ reader: ledger.reader, journal: signer }, never);
  expect(report).toMatchObject({
    reconciled: true,
    intentsOpen: 0,
    certificates: issued + 1,
    selfCheckFailed: 0,
  });
});
