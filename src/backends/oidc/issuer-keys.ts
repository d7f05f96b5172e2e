import { readFile } from "node:fs/promises";
import type { JSONWebKeySet } from "jose";
import type { IssuerObserver } from "../../control/enrolment/issuer-event.ts";
import type { Clock } from "../../foundation/clock.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";
import { fetchJson } from "./fetch-json.ts";
import { readKeySet } from "./read-key-set.ts";

export type KeySource =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "url"; readonly url: string }
  /** OpenID Connect Discovery 1.0 §4 at the issuer's own URL. */
  | { readonly kind: "discovery" };

export type IssuerKeysOptions = {
  /** In logs and metrics. */
  readonly name: string;
  readonly issuer: string;
  readonly source: KeySource;
  readonly caFile: string | undefined;
  readonly bearerTokenFile: string | undefined;
  readonly refreshMs: number;
  /** How long keys are used that could not be fetched anew. */
  readonly keepMs: number;
};

type Deps = { readonly clock: Clock; readonly observer: IssuerObserver };
type Held = { readonly keys: JSONWebKeySet; readonly atMs: number };

/** Whatever callers show us, the issuer is asked no more often. */
const leastBetweenMs = 10_000;

/** The keys of one issuer: fetched when they are needed, kept for a while when it cannot be reached. */
export class IssuerKeys {
  readonly #options: IssuerKeysOptions;
  readonly #deps: Deps;
  #held: Held | undefined;
  #triedAtMs = Number.NEGATIVE_INFINITY;
  #reason = "";
  #underWay: Promise<void> | undefined;

  constructor(options: IssuerKeysOptions, deps: Deps) {
    this.#options = options;
    this.#deps = deps;
  }

  /** `isMissing`: a key was not among those of the last time. Refused with a sentence where there are none to be relied on. */
  async current(isMissing: boolean, signal: AbortSignal): Promise<Result<JSONWebKeySet, string>> {
    const isOld = this.#ageMs() >= this.#options.refreshMs;
    if (isOld || isMissing) await this.#refresh(signal);
    const { issuer, keepMs } = this.#options;
    if (this.#held === undefined)
      return refused(`the keys of issuer ${issuer} cannot be had: ${this.#reason}`);
    if (this.#ageMs() <= Math.max(keepMs, this.#options.refreshMs)) return ok(this.#held.keys);
    const since = new Date(this.#held.atMs).toISOString();
    return refused(`the keys of issuer ${issuer} are those of ${since}, used no longer: ${this.#reason}`);
  }

  #ageMs(): number {
    return this.#nowMs() - (this.#held?.atMs ?? Number.NEGATIVE_INFINITY);
  }

  #nowMs(): number {
    return this.#deps.clock.now().getTime();
  }

  /** One at a time, for all who wait: whoever leaves does not end it for the others. */
  async #refresh(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#underWay === undefined) {
      if (Math.abs(this.#nowMs() - this.#triedAtMs) < leastBetweenMs) return;
      this.#triedAtMs = this.#nowMs();
      this.#underWay = this.#fetch().finally(() => {
        this.#underWay = undefined;
      });
    }
    await this.#underWay;
  }

  async #fetch(): Promise<void> {
    const { name: issuer } = this.#options;
    const { observer } = this.#deps;
    const atMs = this.#nowMs();
    const read = await this.#document(new AbortController().signal).then(readKeySet, (thrown: unknown) =>
      refused(thrown instanceof Error ? thrown.message : String(thrown)),
    );
    if (read.ok) {
      this.#held = { keys: read.value, atMs };
      observer.saw({ kind: "keys-held", issuer, keys: read.value.keys.length });
      return;
    }
    this.#reason = read.error;
    const heldSince = this.#held && new Date(this.#held.atMs);
    observer.saw({ kind: "keys-away", issuer, reason: read.error, heldSince });
  }

  async #document(signal: AbortSignal): Promise<unknown> {
    const { source, caFile, bearerTokenFile } = this.#options;
    if (source.kind === "file") return JSON.parse(await readFile(source.path, "utf8"));
    const ca = caFile === undefined ? undefined : await readFile(caFile, "utf8");
    const bearerToken = bearerTokenFile && (await readFile(bearerTokenFile, "utf8")).trim();
    const get = (url: string) => fetchJson(url, { ca, bearerToken }, signal);
    return await get(source.kind === "url" ? source.url : await this.#discover(get));
  }

  async #discover(get: (url: string) => Promise<unknown>): Promise<string> {
    const { issuer } = this.#options;
    const found = await get(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`);
    const { issuer: named, jwks_uri: url } = (found ?? {}) as { issuer?: unknown; jwks_uri?: unknown };
    if (named !== issuer)
      throw new Error("its discovery document is of another issuer (OIDC Discovery §4.3)");
    if (typeof url !== "string" || !url.startsWith("https://"))
      throw new Error("its jwks_uri is no https URL");
    return url;
  }
}
