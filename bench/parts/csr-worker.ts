/** Makes as many P-256 keys as it is told, and a request for each; the private keys are forgotten. */
import { generateKeyPairSync, sign } from "node:crypto";
import { parentPort, workerData } from "node:worker_threads";
import { writeCsr, writeCsrInfo } from "../../src/domain/certificate/csr.ts";
import type { Der } from "../../src/domain/certificate/der.ts";
import { ecdsaOn } from "../../src/domain/certificate/signature-algorithm.ts";

const csrs = Array.from({ length: workerData as number }, () => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const info = writeCsrInfo(publicKey.export({ format: "der", type: "spki" }) as Uint8Array as Der);
  return writeCsr(info, ecdsaOn["P-256"].identifier, sign("sha256", info, privateKey));
});
parentPort?.postMessage(csrs);
