import { createHash } from "node:crypto";
import type { Curve } from "../../src/domain/certificate/signature-algorithm.ts";

/** A short Weierstrass curve with a = −3. FIPS 186-4 §D.1.2. */
type Domain = {
  readonly p: bigint;
  readonly n: bigint;
  readonly b: bigint;
  readonly g: Point;
  readonly length: number;
};
type Point = { readonly x: bigint; readonly y: bigint };

const p256 = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
const p384 = 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n;
const domains: Readonly<Record<Curve, Domain>> = {
  "P-256": {
    p: p256,
    n: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
    b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
    g: {
      x: 0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296n,
      y: 0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5n,
    },
    length: 32,
  },
  "P-384": {
    p: p384,
    n: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
    b: 0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aefn,
    g: {
      x: 0xaa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7n,
      y: 0x3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5fn,
    },
    length: 48,
  },
};

/** How many zero bytes a scalar begins with, and the byte behind them. */
export type ScalarShape = { readonly zeros: number; readonly first: number };

/**
 * A signature of `message` whose r and s have the wanted shape, and the public key that made it: for any r that is the x of
 * a point R, and any s, the key (s·R − e·G)/r verifies (SEC 1 §4.1.6). Nobody knows its private half.
 */
export function chosenSignature(
  curve: Curve,
  message: Uint8Array,
  shapes: { r: ScalarShape; s: ScalarShape },
) {
  const domain = domains[curve];
  const { n, length } = domain;
  const digest = createHash(curve === "P-256" ? "sha256" : "sha384")
    .update(message)
    .digest("hex");
  const e = BigInt(`0x${digest}`);
  const point = pointWithX(domain, scalarOf(length, shapes.r));
  const s = scalarOf(length, shapes.s);
  const inverse = power(point.x, n - 2n, n);
  const key = sumOf(domain, [mod(s * inverse, n), point], [mod(-e * inverse, n), domain.g]);
  const bytes = (value: bigint) => Buffer.from(value.toString(16).padStart(2 * length, "0"), "hex");
  return {
    raw: new Uint8Array([...bytes(point.x), ...bytes(s)]),
    publicPoint: new Uint8Array([4, ...bytes(key.x), ...bytes(key.y)]),
  };
}

function scalarOf(length: number, { zeros, first }: ScalarShape): bigint {
  const behind = "5a".repeat(length - zeros - 1);
  return BigInt(`0x${first.toString(16)}${behind}`);
}

/** The first point at or above this x. */
function pointWithX({ p, b }: Domain, from: bigint): Point {
  for (let x = from; ; x += 1n) {
    const square = mod(x ** 3n - 3n * x + b, p);
    const y = power(square, (p + 1n) / 4n, p); // both primes are 3 modulo 4
    if (mod(y * y, p) === square) return { x, y };
  }
}

const mod = (value: bigint, m: bigint): bigint => ((value % m) + m) % m;

function power(base: bigint, exponent: bigint, m: bigint): bigint {
  let result = 1n;
  let square = mod(base, m);
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % m;
    square = (square * square) % m;
  }
  return result;
}

/** Jacobian coordinates: x/z² and y/z³, so that a sum costs no inversion. */
type Jacobian = readonly [x: bigint, y: bigint, z: bigint];

function double([x, y, z]: Jacobian, p: bigint): Jacobian {
  const [delta, gamma] = [mod(z * z, p), mod(y * y, p)];
  const beta = mod(x * gamma, p);
  const alpha = mod(3n * (x - delta) * (x + delta), p);
  const x3 = mod(alpha * alpha - 8n * beta, p);
  return [x3, mod(alpha * (4n * beta - x3) - 8n * gamma * gamma, p), mod(2n * y * z, p)];
}

function add([x, y, z]: Jacobian, point: Point, p: bigint): Jacobian {
  const zz = mod(z * z, p);
  const h = mod(point.x * zz - x, p);
  const r = mod(point.y * z * zz - y, p);
  const hh = mod(h * h, p);
  const [hhh, v] = [mod(h * hh, p), mod(x * hh, p)];
  const x3 = mod(r * r - hhh - 2n * v, p);
  return [x3, mod(r * (v - x3) - y * hhh, p), mod(z * h, p)];
}

/** left·P + right·Q. That a partial sum is one of the points has a chance of 2⁻²⁵⁶. */
function sumOf(
  { p, n }: Domain,
  [left, ofP]: readonly [bigint, Point],
  [right, ofQ]: readonly [bigint, Point],
): Point {
  let sum: Jacobian | undefined;
  const plus = (point: Point): Jacobian => (sum === undefined ? [point.x, point.y, 1n] : add(sum, point, p));
  for (let bit = BigInt(n.toString(2).length); bit >= 0n; bit -= 1n) {
    if (sum !== undefined) sum = double(sum, p);
    if ((left >> bit) & 1n) sum = plus(ofP);
    if ((right >> bit) & 1n) sum = plus(ofQ);
  }
  const [x, y, z] = sum ?? [0n, 0n, 1n];
  const inverse = power(z, p - 2n, p);
  return { x: mod(x * inverse ** 2n, p), y: mod(y * inverse ** 3n, p) };
}
