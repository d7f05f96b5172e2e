/**
 * Certificate requests: whatever our reader lets in, OpenSSL and pkijs read too, with the same key and a proof of possession
 * that verifies. The other way round it is narrower, on purpose: docs/conformance.md, I7, has what is let in.
 */
import { spawnSync } from "node:child_process";
import { createPublicKey } from "node:crypto";
import { performance } from "node:perf_hooks";
import process from "node:process";
import fc from "fast-check";
import * as pkijs from "pkijs";
import { expect, test } from "vitest";
import { proveCsrs } from "../../src/backends/node-crypto/csr-proof.ts";
import { derFormat } from "../fuzz/der-format.ts";
import { SeededRandom } from "../fuzz/seeded-random.ts";
import { mutateTree, nodesOf } from "../fuzz/tree.ts";
import { needs, part } from "../parts/parts.ts";
import { hostileRequests } from "./hostile-requests.ts";
import { infoOf, requestCase, requestFor, requestKeys, signedRequest, spkiFor } from "./request-cases.ts";

const seed = Number(process.env.SEED ?? 2986);

/** The key that OpenSSL finds, once it has verified the request's signature; its complaint where it does not. */
function opensslKey(csr: Uint8Array): string {
  const argv = ["req", "-inform", "DER", "-verify", "-noout", "-pubkey"];
  const run = spawnSync(part("openssl"), argv, { input: csr, encoding: "utf8" });
  const says = `${run.stdout}${run.stderr}`;
  const verified = run.status === 0 && says.includes("verify OK");
  return verified
    ? Buffer.from(createPublicKey(run.stdout).export({ type: "spki", format: "der" })).toString("hex")
    : says;
}

const proveCsr = (csr: Uint8Array) => proveCsrs([csr])[0];
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

test("I7: what common tools may send is let in, with its key; and pkijs agrees", async () => {
  for (const asked of fc.sample(requestCase, { numRuns: 600, seed })) {
    const csr = requestFor(asked);
    const proved = proveCsr(csr);
    const told = `seed ${seed}: ${JSON.stringify(asked)}`;
    expect(proved?.ok, told).toBe(true);
    if (proved?.ok) expect(hexOf(proved.value.spki)).toBe(hexOf(spkiFor(asked.key)));
    expect(await pkijs.CertificationRequest.fromBER(csr).verify(), told).toBe(true);
  }
});

needs("openssl")("OpenSSL reads the same key in them, and verifies the proof", () => {
  for (const asked of fc.sample(requestCase, { numRuns: 60, seed })) {
    expect(opensslKey(requestFor(asked))).toBe(hexOf(spkiFor(asked.key)));
  }
});

needs("openssl")("of requests that were bent and then signed, OpenSSL accepts each that we do", () => {
  const accepted = new Map<string, Uint8Array>();
  const all = fc.sample(requestCase, { numRuns: 40, seed }).map(infoOf);
  const others = all.flatMap((info) => nodesOf(derFormat, info));
  for (let number = 0; number < 12_000 && accepted.size < 300; number += 1) {
    const random = new SeededRandom(`${seed} ${number}`);
    const nodes = nodesOf(derFormat, random.pick(all));
    const info = mutateTree(derFormat, { nodes, others }, random);
    for (const { privateKey } of Object.values(requestKeys)) {
      const csr = signedRequest(info, privateKey);
      if (proveCsr(csr)?.ok) accepted.set(hexOf(csr.subarray(0, -80)), csr);
    }
  }
  expect(accepted.size).toBeGreaterThan(100);
  for (const csr of accepted.values()) {
    const proved = proveCsr(csr);
    expect(opensslKey(csr), hexOf(csr)).toBe(proved?.ok ? hexOf(proved.value.spki) : "");
  }
});

test.each(hostileRequests())("I7: %s is refused, at once", (_name, csr) => {
  const from = performance.now();
  expect(proveCsr(csr)).toMatchObject({ ok: false, error: expect.any(String) });
  expect(performance.now() - from).toBeLessThan(1000);
});
