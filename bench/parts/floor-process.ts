/**
 * The bare cryptography, in a process of its own: the PKCS#11 module then stands in nobody's way, and CPU is this process's
 * alone. Started by FloorMeter.
 */
import process from "node:process";
import { BareCrypto } from "./bare-crypto.ts";
import { BareToken } from "./bare-token.ts";
import type { FloorAnswer, FloorQuestion } from "./floor-meter.ts";

const bare = new BareCrypto();
const token = new BareToken();

async function answer(question: FloorQuestion): Promise<FloorAnswer> {
  if (question.kind === "ceiling") return { kind: "ceiling", ...(await token.ceiling(question.sessions)) };
  if (question.kind === "sample")
    return { kind: "sample", micros: bare.verifications() + (await token.signature()) };
  return { kind: "costs", csr: bare.csr(), sign: await token.costs(), own: bare.own() };
}

process.on("message", (question: FloorQuestion) => {
  answer(question).then(
    (result) => process.send?.(result),
    (thrown: unknown) => {
      console.error(thrown);
      process.exit(1);
    },
  );
});
process.once("disconnect", () => token.close());
