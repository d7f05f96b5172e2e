import type { Secret } from "../../../src/domain/subscription/secret.ts";
import type { X509Svid } from "../../../src/domain/trust/svid.ts";
import { OpensslCa } from "../../parts/openssl-ca.ts";
import { bundleOf, svidFrom } from "../../parts/svid.ts";

export const web = "spiffe://td.example/web";
export const api = "spiffe://td.example/api";

/** Real certificates for the tests of one file, made once: four leaves and two roots. */
export class Material {
  readonly #cas = [new OpensslCa("first root"), new OpensslCa("second root")] as const;
  readonly #webs = [this.#svid(web), this.#svid(web), this.#svid(web)] as const;
  readonly #api = this.#svid(api);

  /** The leaf of `web`, in three different contents, under any name. */
  leaf(content: 0 | 1 | 2, name = web): Secret {
    return { kind: "leaf", name, svid: this.#webs[content] };
  }

  apiLeaf(): Secret {
    return { kind: "leaf", name: api, svid: this.#api };
  }

  /** A bundle of one root or of both. */
  bundle(roots: 1 | 2, name = "ALL"): Secret {
    const form = name === "ROOTCA" ? "trusted-ca" : "spiffe-validator";
    return { kind: "bundle", name, form, bundles: [bundleOf("td.example", ...this.#cas.slice(0, roots))] };
  }

  remove(): void {
    for (const ca of this.#cas) ca.remove();
  }

  #svid(id: string): X509Svid {
    return svidFrom(this.#cas[0], id);
  }
}
