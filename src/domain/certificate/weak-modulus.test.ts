import { checkPrimeSync, generateKeyPairSync, generatePrimeSync } from "node:crypto";
import { expect, test } from "vitest";
import { must } from "./leaf.fixtures.ts";
import { readRsaNumbers } from "./spki.ts";
import { weakModulusFlaw } from "./weak-modulus.ts";

const bytesOf = (n: bigint): Uint8Array => {
  const digits = n.toString(16);
  return new Uint8Array(Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, "hex"));
};
const prime = (bits: number): bigint => generatePrimeSync(bits, { bigint: true });

function nextPrime(from: bigint): bigint {
  let candidate = from + 2n;
  while (!checkPrimeSync(candidate)) candidate += 2n;
  return candidate;
}

test("moduli of OpenSSL pass", () => {
  for (const modulusLength of [2048, 3072, 4096]) {
    const { publicKey } = generateKeyPairSync("rsa", { modulusLength });
    const bits = new Uint8Array(publicKey.export({ type: "pkcs1", format: "der" }));
    expect(weakModulusFlaw(must(readRsaNumbers(bits)).modulus)).toBeUndefined();
  }
}, 60_000);

test("an even modulus, and each small factor, is named", () => {
  const q = prime(1024);
  expect(weakModulusFlaw(bytesOf(2n * q))).toContain("even");
  for (const factor of [3n, 5n, 31n, 101n, 743n, 751n]) {
    expect(weakModulusFlaw(bytesOf(factor * q))).toContain(`the factor ${factor}`);
  }
});

test("factors side by side, and a square, are found", () => {
  const p = prime(1024);
  expect(weakModulusFlaw(bytesOf(p * nextPrime(p)))).toContain("close together");
  expect(weakModulusFlaw(bytesOf(p * p))).toContain("close together");
});

test("primes of the form k·M + (65537^a mod M) are told", () => {
  const primorial = [...Array(702).keys()]
    .filter((n) => n > 1 && checkPrimeSync(BigInt(n)))
    .reduce((product, n) => product * BigInt(n), 1n);
  const ofTheForm = (a: number): bigint => {
    let power = 1n;
    for (let step = 0; step < a; step += 1) power = (power * 65_537n) % primorial;
    for (let k = 2n ** 55n; ; k += 1n) {
      const candidate = k * primorial + power;
      if (checkPrimeSync(candidate, { checks: 20 })) return candidate;
    }
  };
  expect(weakModulusFlaw(bytesOf(ofTheForm(1234) * ofTheForm(4321)))).toContain("CVE-2017-15361");
});
