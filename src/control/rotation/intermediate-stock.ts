import { readCertificate } from "../../domain/certificate/certificate.ts";
import type { Der } from "../../domain/certificate/der.ts";
import type { Authority } from "../../domain/trust/authority.ts";
import { lastsFrom, type ScheduleTerms } from "../../domain/trust/rotation-schedule.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";
import type { KeyListing, TokenKey } from "../signing/signer.ts";
import { type CheckDeps, checkCertificates, neededLists, widerRemedy } from "./decide-start.ts";
import { lackIn } from "./signer-keys.ts";

/** What becomes of one key of the signers' tokens. `why` says what is in its way; "" where there is nothing to say. */
export type StockItem = {
  readonly keyId: string;
  readonly label: string;
  readonly state:
    | "active"
    | "standby"
    | "closed"
    | "rolled-back"
    | "in-stock"
    | "ends-soon"
    | "unusable"
    | "orphaned";
  readonly why: string;
  readonly notBefore: Date | undefined;
  readonly notAfter: Date | undefined;
  /** Whose tokens hold the key. */
  readonly signers: readonly string[];
};

/** What the signers' tokens hold, at one moment. */
export type IntermediateStock = {
  readonly at: Date;
  readonly items: readonly StockItem[];
  /** Those that may follow the present intermediate now, however soon they end. */
  readonly followers: readonly Authority[];
  /** Who could not be asked, and why; then nothing is known of what may follow. */
  readonly away: readonly string[];
};

/** The same key in several tokens. */
type Held = { readonly first: TokenKey; readonly by: readonly { signer: string; key: TokenKey }[] };

type Parts = {
  readonly deps: CheckDeps;
  readonly listings: readonly KeyListing[];
  readonly terms: ScheduleTerms;
};

/**
 * Judges all keys that the signers list. An intermediate is in stock when every signer holds its key with this certificate beside it,
 * and `rotation start` would take it.
 */
export function judgeStock(parts: Parts): IntermediateStock {
  const { deps, listings } = parts;
  const judged = heldKeys(listings).map((held) => judge(parts, held));
  const none = listings.length === 0 ? ["every signer is in quarantine"] : [];
  const away = listings.flatMap(({ signer, away: why }) =>
    why === undefined ? [] : [`signer "${signer}": ${why}`],
  );
  return {
    at: deps.clock.now(),
    items: judged.map(({ item }) => item),
    followers: judged.flatMap(({ follower }) => follower ?? []),
    away: [...none, ...away],
  };
}

function heldKeys(listings: readonly KeyListing[]): readonly Held[] {
  const all = new Map<string, { first: TokenKey; by: { signer: string; key: TokenKey }[] }>();
  for (const { signer, keys = [] } of listings) {
    for (const key of keys) {
      // Keys that have no id yet are told apart by their labels.
      const name = key.keyId === "" ? `label ${key.label}` : key.keyId;
      const known = all.get(name);
      if (known === undefined) all.set(name, { first: key, by: [{ signer, key }] });
      else known.by.push({ signer, key });
    }
  }
  return [...all.values()];
}

type Judged = { readonly item: StockItem; readonly follower?: Authority };

function judge(parts: Parts, held: Held): Judged {
  const { keyId, label } = held.first;
  const certificate = held.by.find(({ key }) => key.certificate !== undefined)?.key.certificate;
  const read = certificate && readCertificate(certificate);
  const life = read?.ok ? read.value : undefined;
  const known = knownAs(parts, keyId);
  const verdict = certificate === undefined ? undefined : mayFollow(parts, held, certificate);
  const item = (state: StockItem["state"], why: string): StockItem => ({
    keyId,
    label,
    state,
    why,
    notBefore: life?.notBefore,
    notAfter: life?.notAfter,
    signers: held.by.map(({ signer }) => signer),
  });
  if (known !== undefined) return { item: item(known, flawIn(held) ?? "") };
  if (verdict === undefined) return { item: item("orphaned", "no certificate belongs to it") };
  if (!verdict.ok) return { item: item("unusable", verdict.error) };
  const follower = verdict.value;
  if (lastsFrom(follower, parts.deps.clock.now(), parts.terms))
    return { item: item("in-stock", ""), follower };
  return { item: item("ends-soon", `it ends ${follower.notAfter.toISOString()}`), follower };
}

function knownAs({ deps }: Parts, keyId: string): StockItem["state"] | undefined {
  const { active, standby, closed } = deps.picture.state.authorities;
  if (keyId === active.keyId) return "active";
  if (standby.some((one) => one.keyId === keyId)) return "standby";
  const before = closed.filter(({ authority }) => authority.keyId === keyId).at(-1);
  if (before === undefined) return undefined;
  return before.rolledBack === true ? "rolled-back" : "closed";
}

/** The checks of `rotation start`, with what the signers have said already in place of asking them. */
function mayFollow({ deps, listings }: Parts, held: Held, certificate: Der): Result<Authority, string> {
  const checked = checkCertificates(deps, { root: undefined, intermediate: certificate, cross: undefined });
  if (!checked.ok) return refused(checked.error.message);
  const { authority } = checked.value;
  if (authority.keyId !== held.first.keyId)
    return refused(`its certificate is of the key ${authority.keyId}`);
  const answers = listings.map(({ signer, away }) => {
    const key = held.by.find((one) => one.signer === signer)?.key.certificate;
    return { signer, ...(away !== undefined && { away }), key: key && { certificate: key } };
  });
  const lack = lackIn(answers, authority);
  if (lack !== undefined) return refused(lack.message);
  const flaw = flawIn(held);
  if (flaw !== undefined) return refused(flaw);
  const lists = neededLists(deps, [], checked.value);
  return lists.ok ? ok(authority) : refused(`${lists.error}; ${widerRemedy}`);
}

function flawIn({ by }: Held): string | undefined {
  const flawed = by.find(({ key }) => key.flaw !== "");
  return flawed && `signer "${flawed.signer}" does not sign with it: ${flawed.key.flaw}`;
}
