import type { LeafFlaw, LeafRequest, SignedTbs } from "../../control/issuance/leaf-crypto.ts";
import type { Der } from "../../domain/certificate/der.ts";
import type { Linted } from "../../domain/certificate/lint/linted.ts";
import type { Result } from "../../foundation/result.ts";
import { type BytePack, packBytes, unpackBytes } from "./byte-pack.ts";
import type { LeafMaker } from "./leaf-maker.ts";

/** What goes to a leaf worker: bytes in the pack, two parts an item (serial and request, or TBS and signature). */
export type LeafWork =
  | {
      readonly kind: "prepare";
      readonly authority: Uint8Array;
      readonly orders: readonly Omit<LeafRequest, "serial" | "csr">[];
      readonly pack: BytePack;
    }
  | { readonly kind: "seal"; readonly authority: Uint8Array; readonly pack: BytePack };

/** What comes back: an entry an item, and in the pack one part for each item that succeeded. */
export type LeafWorkDone =
  | {
      readonly kind: "prepare";
      readonly outcomes: readonly Result<string, LeafFlaw>[];
      readonly pack: BytePack;
    }
  | { readonly kind: "seal"; readonly outcomes: readonly Result<true, string>[]; readonly pack: BytePack };

export function packRequests(authority: Der, requests: readonly LeafRequest[]): LeafWork {
  const orders = requests.map(({ serial: _, csr: __, ...order }) => order);
  const pack = packBytes(requests.flatMap(({ serial, csr }) => [serial, csr]));
  return { kind: "prepare", authority: authority.slice(), orders, pack };
}

export function packSigned(authority: Der, items: readonly SignedTbs[]): LeafWork {
  const pack = packBytes(items.flatMap(({ tbs, signature }) => [tbs, signature]));
  return { kind: "seal", authority: authority.slice(), pack };
}

/** The worker's side: runs one message of work. */
export function doLeafWork(maker: LeafMaker, work: LeafWork): LeafWorkDone {
  const parts = unpackBytes(work.pack);
  const part = (index: number) => parts[index] ?? new Uint8Array();
  const authority = work.authority as Der;
  if (work.kind === "seal") {
    const items = Array.from({ length: parts.length / 2 }, (_, at) => ({
      tbs: part(2 * at) as Der,
      signature: part(2 * at + 1),
    }));
    const sealed = maker.seal(authority, items);
    const outcomes = sealed.map((outcome) => (outcome.ok ? ({ ok: true, value: true } as const) : outcome));
    return {
      kind: "seal",
      outcomes,
      pack: packBytes(sealed.flatMap((outcome) => (outcome.ok ? [outcome.value] : []))),
    };
  }
  const requests = work.orders.map((order, at) => ({
    ...order,
    serial: part(2 * at),
    csr: part(2 * at + 1),
  }));
  const prepared = maker.prepare(authority, requests);
  return { kind: "prepare", outcomes: prepared.map(digestOf), pack: packBytes(prepared.flatMap(bytesOf)) };
}

const digestOf = (outcome: Result<Linted, LeafFlaw>): Result<string, LeafFlaw> =>
  outcome.ok ? { ok: true, value: outcome.value.tbsSha256 } : outcome;
const bytesOf = (outcome: Result<Linted, LeafFlaw>): Uint8Array[] =>
  outcome.ok ? [outcome.value.redeem()] : [];
