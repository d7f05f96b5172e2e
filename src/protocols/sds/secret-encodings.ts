import type { Der } from "../../domain/certificate/der.ts";
import type { Content } from "../../domain/subscription/process-record.ts";
import type { Delivery, Secret } from "../../domain/subscription/secret.ts";
import type { X509Svid } from "../../domain/trust/svid.ts";
import { sha256Hex } from "../../foundation/digest.ts";
import { encodeSecret } from "./encode-secret.ts";
import type { Inspect } from "./pre-validate.ts";

/** One secret in the bytes that go out; shared by every stream that gets these bytes. */
export type Encoding = {
  readonly content: Content;
  /** A serialised envoy Secret, for an Any. */
  readonly bytes: Buffer;
  readonly delivery: Delivery;
};

type Forms = { readonly flaw: string } | { readonly plain: Encoding; latest: Encoding; latestRetry: number };

const mostBundles = 512;

/**
 * Encodes each content once, however many streams get it. Leaves are remembered as long as their X509Svid lives,
 * bundles by their content (the newest 512).
 */
export class SecretEncodings {
  readonly #inspect: Inspect;
  readonly #withheld: (name: string, flaw: string) => void;
  readonly #leaves = new WeakMap<X509Svid, Map<string, Forms>>();
  readonly #bundles = new Map<string, Forms>();
  readonly #known = new WeakMap<Der, string>();

  /** `withheld` is told once of each content that Envoy would refuse; it is never sent. */
  constructor(deps: { inspect: Inspect; withheld: (name: string, flaw: string) => void }) {
    this.#inspect = deps.inspect;
    this.#withheld = deps.withheld;
  }

  /** The encoding with a retry number; undefined for a secret that must not be sent. */
  encode(secret: Secret, retry: number): Encoding | undefined {
    const forms = secret.kind === "leaf" ? this.#leafForms(secret) : this.#bundleForms(secret);
    if ("flaw" in forms) return undefined;
    if (retry === 0) return forms.plain;
    if (forms.latestRetry !== retry) {
      forms.latest = this.#encoding(secret, { retry, id: forms.plain.content.id });
      forms.latestRetry = retry;
    }
    return forms.latest;
  }

  #leafForms(secret: Extract<Secret, { kind: "leaf" }>): Forms {
    const known = this.#leaves.get(secret.svid) ?? new Map<string, Forms>();
    this.#leaves.set(secret.svid, known);
    const forms = known.get(secret.name) ?? this.#prepare(secret);
    known.set(secret.name, forms);
    return forms;
  }

  #bundleForms(secret: Extract<Secret, { kind: "bundle" }>): Forms {
    const parts = secret.bundles.map(
      ({ trustDomain, anchors, lists }) => `${trustDomain}=${this.#digests(anchors)}/${this.#digests(lists)}`,
    );
    const key = [secret.name, secret.form, ...parts].join(" ");
    const forms = this.#bundles.get(key) ?? this.#prepare(secret);
    this.#bundles.delete(key);
    this.#bundles.set(key, forms);
    const [oldest] = this.#bundles.keys();
    if (this.#bundles.size > mostBundles && oldest !== undefined) this.#bundles.delete(oldest);
    return forms;
  }

  #prepare(secret: Secret): Forms {
    const flaw = this.#inspect(secret);
    if (flaw !== undefined) {
      this.#withheld(secret.name, flaw);
      return { flaw };
    }
    const plain = this.#encoding(secret, { retry: 0, id: undefined });
    return { plain, latest: plain, latestRetry: 0 };
  }

  #encoding(secret: Secret, form: { retry: number; id: string | undefined }): Encoding {
    const bytes = encodeSecret(secret, form.retry);
    const version = sha256Hex(bytes);
    const { name, kind } = secret;
    const content = { name, kind, version, id: form.id ?? version };
    if (kind === "leaf") {
      const { serial, authorityKeyId, notAfter } = secret.svid;
      return { content, bytes, delivery: { kind, name, version, serial, authorityKeyId, notAfter } };
    }
    const parts = secret.bundles.flatMap(({ anchors, lists }) => [...anchors, ...lists]);
    const anchors = parts.map((der) => this.#digest(der));
    return { content, bytes, delivery: { kind, name, version, anchors } };
  }

  #digests(parts: readonly Der[]): string {
    return parts.map((der) => this.#digest(der)).join();
  }

  #digest(der: Der): string {
    const known = this.#known.get(der) ?? sha256Hex(der);
    this.#known.set(der, known);
    return known;
  }
}
