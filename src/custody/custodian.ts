import type { Der } from "../domain/certificate/der.ts";
import type { Clock } from "../foundation/clock.ts";
import { asFault } from "../foundation/fault.ts";
import { ok, type Result, refused } from "../foundation/result.ts";
import type { AuthorityKey, CaToken, KeyPage, KeyPlace, TokenStatus } from "./ca-token.ts";
import type { CustodyObserver } from "./custody-event.ts";
import type { HsmEvent } from "./hsm-event.ts";
import type { HsmLog } from "./hsm-log.ts";
import type { Journal, JournalLine } from "./journal.ts";
import { LeafGrammar, type LeafLimits } from "./leaf-grammar.ts";
import { readLeafIssuer } from "./leaf-issuer.ts";
import { type Outcome, ReadyItem, refusal } from "./ready-item.ts";
import type { SignItem, SignRefusal } from "./sign-item.ts";
import { signInLanes } from "./sign-lanes.ts";

export type CustodianDeps = {
  readonly token: CaToken;
  readonly journal: Journal;
  readonly hsmLog: HsmLog;
  readonly clock: Clock;
  readonly observer: CustodyObserver;
  readonly limits: LeafLimits;
};

export type DescribedKey = {
  readonly keyId: string;
  readonly label: string;
  readonly tokenLabel: string;
  readonly spki: Der;
  readonly certificate: Der;
};

export type CustodyStatus = TokenStatus & { readonly journalLines: bigint };

/** A key together with what its certificate lets it sign. */
type Authority = { readonly key: AuthorityKey; readonly grammar: LeafGrammar };

/** Keys in one answer: each that is new is looked up in the token, and signatures wait meanwhile. */
const keysInPage = 8;

/** A lane gives every item an outcome; were one forgotten, it would have to count as signed. */
const leftOut = refusal("hsm-failed", "the signer gave it no outcome", true);

/**
 * Keeps the CA keys: holds every object against the purpose of its key, writes the journal, then lets the token sign.
 * It decides nothing else, knows no policy, and believes only what stands in the token.
 */
export class Custodian {
  readonly #deps: CustodianDeps;
  readonly #grammars = new WeakMap<AuthorityKey, Result<LeafGrammar, string>>();
  #turns = 0;
  #closing = false;

  constructor(deps: CustodianDeps) {
    this.#deps = deps;
  }

  /** One outcome per item, in the order asked; never rejects. The signal ends the wait for a session, never a signature. */
  async sign(items: readonly SignItem[], signal: AbortSignal): Promise<readonly Outcome[]> {
    const checked = items.map((item) => this.#check(item));
    const ready = checked.filter((item) => item instanceof ReadyItem);
    this.#turns += 1;
    const lanes = { ...this.#deps, turn: this.#turns, isClosing: () => this.#closing };
    await signInLanes(lanes, ready, signal);
    return checked.map((item, at) => {
      const outcome = item instanceof ReadyItem ? (item.outcome ?? leftOut) : item;
      if (!outcome.ok) {
        this.#deps.observer.saw({ kind: "refused", keyId: items[at]?.keyId ?? "", refusal: outcome.error });
      }
      return outcome;
    });
  }

  /** The key as the token holds it now, asked anew; undefined when there is none with a certificate. */
  describe(keyId: string): DescribedKey | undefined {
    const key = this.#deps.token.findAuthority(keyId, true);
    if (key === undefined) return undefined;
    const { label, spki, certificate } = key;
    return { keyId, label, spki, certificate, tokenLabel: this.#deps.token.status().tokenLabel };
  }

  /** What the token holds behind that place; from the beginning when it is undefined. Throws HSM_REFUSED or HSM_UNAVAILABLE. */
  listKeys(after: KeyPlace | undefined): KeyPage {
    return this.#deps.token.listKeys(after, keysInPage);
  }

  status(): CustodyStatus {
    return { ...this.#deps.token.status(), journalLines: this.#deps.journal.lines() };
  }

  events(after: { readonly instance: string; readonly sequence: number }): {
    readonly instance: string;
    readonly events: readonly HsmEvent[];
  } {
    const { hsmLog } = this.#deps;
    const { instance } = hsmLog;
    return { instance, events: hsmLog.after(after.instance === instance ? after.sequence : 0) };
  }

  readJournal(fromSequence: bigint, signal: AbortSignal): AsyncIterable<readonly JournalLine[]> {
    return this.#deps.journal.read(fromSequence, signal);
  }

  /** From now on nothing new is signed; what has its session is finished. */
  close(): void {
    this.#closing = true;
  }

  /** All that is asked before the journal: gives the item ready to be signed, or why it never will be. */
  #check(item: SignItem): ReadyItem | Outcome {
    if (this.#closing) return refusal("shutting-down", "the signer is shutting down");
    const authority = this.#authorityOf(item.keyId);
    if (!authority.ok) return authority;
    const flaw = this.#flawOf(item, authority.value.grammar);
    if (flaw !== undefined) return refusal("grammar", `this is no ${item.purpose} of its key: ${flaw}`);
    return new ReadyItem(authority.value.key, item.tbs);
  }

  #authorityOf(keyId: string): Result<Authority, SignRefusal> {
    try {
      const key = this.#deps.token.findAuthority(keyId, false);
      if (key === undefined) {
        return refused({
          code: "unknown-key",
          reason: `the token holds no authority with key id ${keyId}`,
          journaled: false,
        });
      }
      const grammar = this.#grammarOf(key);
      if (!grammar.ok) return refused({ code: "unknown-key", reason: grammar.error, journaled: false });
      return ok({ key, grammar: grammar.value });
    } catch (thrown) {
      return refused({ code: "hsm-failed", reason: asFault(thrown).message, journaled: false });
    }
  }

  #grammarOf(key: AuthorityKey): Result<LeafGrammar, string> {
    const known = this.#grammars.get(key);
    if (known !== undefined) return known;
    const issuer = readLeafIssuer(key);
    const made = issuer.ok ? ok(new LeafGrammar(issuer.value, this.#deps.limits)) : issuer;
    this.#grammars.set(key, made);
    return made;
  }

  #flawOf({ purpose, tbs }: SignItem, grammar: LeafGrammar): string | undefined {
    switch (purpose) {
      case "leaf":
        return grammar.flaw(tbs, this.#deps.clock.now());
      default:
        return purpose satisfies never;
    }
  }
}
