import { readCertificate } from "../../domain/certificate/certificate.ts";
import type { Bundle } from "../../domain/trust/bundle.ts";
import { type KnownAnchors, serialKey } from "../../domain/trust/loaded-contexts.ts";
import { sha256Hex } from "../../foundation/digest.ts";

const mostFormer = 64;

/** Serial numbers of the anchors that this agent's bundle has, and of those that it had since the agent started. */
export class AnchorSerials {
  readonly #bundle: () => Bundle;
  #of: Bundle | undefined;
  #known: KnownAnchors = { current: new Map(), lists: new Set(), former: new Set() };

  constructor(bundle: () => Bundle) {
    this.#bundle = bundle;
  }

  get known(): KnownAnchors {
    const bundle = this.#bundle();
    if (this.#of !== bundle) this.#learn(bundle);
    return this.#known;
  }

  #learn(bundle: Bundle): void {
    const current = bundle.anchors.flatMap((der): [string, string][] => {
      const read = readCertificate(der);
      return read.ok ? [[sha256Hex(der), serialKey(read.value.serial)]] : [];
    });
    const former = [...this.#known.current.values(), ...this.#known.former].slice(0, mostFormer);
    this.#known = {
      current: new Map(current),
      lists: new Set(bundle.lists.map((der) => sha256Hex(der))),
      former: new Set(former),
    };
    this.#of = bundle;
  }
}
