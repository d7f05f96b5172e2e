import type { LeafCrypto, LeafFlaw, LeafRequest, SignedTbs } from "../../control/issuance/leaf-crypto.ts";
import type { Der } from "../../domain/certificate/der.ts";
import type { Linted } from "../../domain/certificate/lint/linted.ts";
import type { Result } from "../../foundation/result.ts";
import {
  type LeafWork,
  type LeafWorkDone,
  packRequests,
  packSigned,
  unpackPrepared,
  unpackSealed,
} from "./leaf-work.ts";

/** Whoever runs work in another thread; a worker pool is one. */
export interface LeafThreads {
  /** Threads that have nothing to do now. */
  readonly idle: number;
  run(work: LeafWork, signal: AbortSignal): Promise<LeafWorkDone>;
}

/** Splits a batch no finer than this: below, the messages cost more than a second thread gains. */
const smallestShare = 8;

/**
 * LeafCrypto in worker threads: each batch is shared out among those that are idle, so that its items do not wait for one
 * another. Where all have work it goes to one: more messages would make nothing quicker then.
 */
export class ThreadedLeafCrypto implements LeafCrypto {
  readonly #threads: LeafThreads;

  constructor(threads: LeafThreads) {
    this.#threads = threads;
  }

  async prepare(
    authority: Der,
    requests: readonly LeafRequest[],
    signal: AbortSignal,
  ): Promise<readonly Result<Linted, LeafFlaw>[]> {
    const done = this.#share(requests).map((share) =>
      this.#threads.run(packRequests(authority, share), signal),
    );
    return (await Promise.all(done)).flatMap(unpackPrepared);
  }

  async seal(
    authority: Der,
    items: readonly SignedTbs[],
    signal: AbortSignal,
  ): Promise<readonly Result<Der, string>[]> {
    const done = this.#share(items).map((share) => this.#threads.run(packSigned(authority, share), signal));
    return (await Promise.all(done)).flatMap(unpackSealed);
  }

  #share<T>(items: readonly T[]): T[][] {
    const shares = Math.max(this.#threads.idle, 1);
    const size = Math.max(smallestShare, Math.ceil(items.length / shares));
    return Array.from({ length: Math.ceil(items.length / size) }, (_, at) =>
      items.slice(at * size, (at + 1) * size),
    );
  }
}
