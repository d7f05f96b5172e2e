import { LeafForm } from "./leaf-form.ts";
import type { TbsCertificate } from "./tbs-certificate.ts";

/** About two kilobytes each. */
const mostForms = 8192;
/**
 * A leaf of ours ends in its names: enough of them to tell most identities apart (of others the last one seen is kept), and few
 * enough that the subject key identifier before them, which no two leaves share, is not among them.
 */
const tailBytes = 64;

/** The forms of many identities' leaves, found by length and end of the bytes. The oldest is forgotten first. */
export class LeafForms<Read extends TbsCertificate> {
  readonly #forms = new Map<string, LeafForm<Read>>();

  /** What the reader would make of these bytes, where it has accepted others of their form before. */
  read(bytes: Uint8Array): Read | undefined {
    return this.#forms.get(nameOf(bytes))?.read(bytes);
  }

  /** Keeps the form of bytes that the reader, and every rule that looks at more than a leaf's own fields, has accepted. */
  keep(bytes: Uint8Array, read: Read): void {
    const form = LeafForm.of(bytes, read);
    if (form === undefined) return;
    if (this.#forms.size >= mostForms) {
      const [oldest = ""] = this.#forms.keys();
      this.#forms.delete(oldest);
    }
    this.#forms.set(nameOf(bytes), form);
  }
}

function nameOf(bytes: Uint8Array): string {
  const tail = Math.min(tailBytes, bytes.length);
  const end = Buffer.from(bytes.buffer, bytes.byteOffset + bytes.length - tail, tail);
  return `${bytes.length} ${end.toString("latin1")}`;
}
