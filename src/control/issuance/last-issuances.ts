import type { LastLeaf } from "../../domain/policy/issuance-class.ts";

const places = 8;
const mostAuthorities = 255;

export type Issuance = {
  readonly requester: string;
  readonly spiffeId: string;
  readonly authorityKeyId: string;
  /** Milliseconds since the epoch. */
  readonly issuedAtMs: number;
  readonly notAfterMs: number;
};

/**
 * When each identity was last issued to each requester, and until when: the memory from which classes are computed. Its size is
 * fixed whatever comes: 13 bytes for each of at most `sets` × 8, found by a 48-bit hash of the two names. When a set is full, the leaf
 * that ends first is forgotten, which is one that has expired if there is any; who is forgotten counts as new.
 */
export class LastIssuances {
  readonly #sets: number;
  readonly #tags: Uint32Array;
  readonly #issued: Uint32Array;
  readonly #notAfter: Uint32Array;
  readonly #authority: Uint8Array;
  readonly #authorities: string[] = [];

  /** `sets` must be a power of two. */
  constructor(sets = 65_536) {
    this.#sets = sets;
    this.#tags = new Uint32Array(sets * places);
    this.#issued = new Uint32Array(sets * places);
    this.#notAfter = new Uint32Array(sets * places);
    this.#authority = new Uint8Array(sets * places);
  }

  note(issuance: Issuance): void {
    const { first, tag } = this.#find(issuance.requester, issuance.spiffeId);
    this.#write(this.#placeFor(first, tag), tag, issuance);
  }

  /** The same of an issuance of the past: one of the same identity that is as new, or another that lasts longer, stays. */
  recall(issuance: Issuance): void {
    const { first, tag } = this.#find(issuance.requester, issuance.spiffeId);
    const at = this.#placeFor(first, tag);
    const [there, own] =
      this.#tags[at] === tag
        ? [this.#issued[at], issuance.issuedAtMs]
        : [this.#notAfter[at], issuance.notAfterMs];
    if ((there ?? 0) < Math.floor(own / 1000)) this.#write(at, tag, issuance);
  }

  /** Its own place where it has one, else that of the leaf in its set that ends first. */
  #placeFor(first: number, tag: number): number {
    let at = first;
    for (let place = first; place < first + places; place += 1) {
      if (this.#tags[place] === tag) return place;
      if ((this.#notAfter[place] ?? 0) < (this.#notAfter[at] ?? 0)) at = place;
    }
    return at;
  }

  #write(at: number, tag: number, { authorityKeyId, issuedAtMs, notAfterMs }: Issuance): void {
    this.#tags[at] = tag;
    this.#issued[at] = Math.floor(issuedAtMs / 1000);
    this.#notAfter[at] = Math.floor(notAfterMs / 1000);
    this.#authority[at] = this.#numberOf(authorityKeyId);
  }

  /** `distrusts` says of an authority that whoever holds a leaf of it must get another. */
  last(
    requester: string,
    spiffeId: string,
    distrusts: (authorityKeyId: string) => boolean,
  ): LastLeaf | undefined {
    const { first, tag } = this.#find(requester, spiffeId);
    for (let at = first; at < first + places; at += 1) {
      if (this.#tags[at] !== tag || this.#notAfter[at] === 0) continue;
      const authority = this.#authorities[(this.#authority[at] ?? 0) - 1];
      return {
        issuedAtMs: (this.#issued[at] ?? 0) * 1000,
        notAfterMs: (this.#notAfter[at] ?? 0) * 1000,
        isDistrusted: authority !== undefined && distrusts(authority),
      };
    }
    return undefined;
  }

  #find(requester: string, spiffeId: string): { first: number; tag: number } {
    const low = hash(spiffeId, hash(requester, 0x811c9dc5));
    const tag = hash(requester, hash(spiffeId, 0x9747b28c));
    return { first: (low & (this.#sets - 1)) * places, tag };
  }

  /** From 1; 0, for none, once there were too many: their leaves are then never taken for distrusted. */
  #numberOf(authorityKeyId: string): number {
    const known = this.#authorities.lastIndexOf(authorityKeyId);
    if (known >= 0) return known + 1;
    if (this.#authorities.length >= mostAuthorities) return 0;
    return this.#authorities.push(authorityKeyId);
  }
}

/** FNV-1a with a final mix, 32 bits. */
function hash(text: string, seed: number): number {
  let state = seed;
  for (let at = 0; at < text.length; at += 1) state = Math.imul(state ^ text.charCodeAt(at), 0x01000193);
  state = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
  return (state ^ (state >>> 13)) >>> 0;
}
