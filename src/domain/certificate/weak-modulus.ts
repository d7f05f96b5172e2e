/** Odd primes below 752: no modulus of a sound generator has such a factor. */
const smallPrimes: readonly number[] = Array.from({ length: 750 }, (_, at) => at + 2).filter(
  (number) =>
    number % 2 === 1 &&
    !Array.from({ length: 26 }, (_, at) => at + 2).some((d) => d < number && number % d === 0),
);

/** Primes whose residues tell keys of the library that CVE-2017-15361 is about: its primes are k·M + (65537^a mod M). */
const tellingPrimes = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157] as const;
const powersOf65537 = new Map(tellingPrimes.map((prime) => [prime, subgroup(65_537 % prime, prime)]));

const fermatRounds = 100;

/**
 * Why anybody can factor this modulus, or undefined: a small factor, two factors that lie close together (100 rounds of
 * Fermat's method; CA/Browser Forum BR §6.1.1.3), or the form of CVE-2017-15361 (ROCA).
 */
export function weakModulusFlaw(modulus: Uint8Array): string | undefined {
  const n = BigInt(`0x${Buffer.from(modulus.buffer, modulus.byteOffset, modulus.length).toString("hex")}`);
  if (n % 2n === 0n) return "the RSA modulus is even";
  const factor = smallPrimes.find((prime) => n % BigInt(prime) === 0n);
  if (factor !== undefined) return `the RSA modulus has the factor ${factor}`;
  if (hasTellingResidues(n)) return "the RSA modulus has the form of CVE-2017-15361";
  return hasCloseFactors(n) ? "the RSA modulus has two factors that lie too close together" : undefined;
}

const hasTellingResidues = (n: bigint): boolean =>
  tellingPrimes.every((prime) => powersOf65537.get(prime)?.has(Number(n % BigInt(prime))));

function subgroup(generator: number, prime: number): ReadonlySet<number> {
  const powers = new Set<number>();
  for (let power = 1; !powers.has(power); power = (power * generator) % prime) powers.add(power);
  return powers;
}

/** n = a² − b² = (a − b)(a + b): b is small where the factors are close. */
function hasCloseFactors(n: bigint): boolean {
  let a = squareRoot(n);
  if (a * a < n) a += 1n;
  for (let round = 0; round < fermatRounds; round += 1, a += 1n) if (isSquare(a * a - n)) return true;
  return false;
}

function isSquare(n: bigint): boolean {
  const low = Number(n & 15n);
  if (low !== 0 && low !== 1 && low !== 4 && low !== 9) return false; // squares modulo 16
  const root = squareRoot(n);
  return root * root === n;
}

/** The whole part, by Newton's method from above. */
function squareRoot(n: bigint): bigint {
  if (n < 2n) return n;
  let root = 1n << BigInt((n.toString(16).length * 4) / 2 + 1);
  for (;;) {
    const next = (root + n / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}
