import { sha256Hex } from "../../foundation/digest.ts";
import { type Seconds, seconds } from "../../foundation/duration.ts";

/**
 * How well we know that a holder accepts what it was given, weakest first.
 * proved: seen in Envoy's /certs or by a probe. acknowledged: an SDS ACK. delivered: a Workload API stream still open
 * `settle` after the write. returned: a CSR-style client's next request. assumed: time only.
 */
export const grades = ["assumed", "returned", "delivered", "acknowledged", "proved"] as const;
export type Grade = (typeof grades)[number];

export const holderKinds = ["sds", "workload-api", "agent", "server", "partner"] as const;
export type HolderKind = (typeof holderKinds)[number];

/** The content of one bundle secret: anchors, and revocation lists if any, each by the SHA-256 of its DER (partNames). */
export type BundleContent = {
  readonly kind: "bundle";
  readonly version: string;
  readonly anchors: readonly string[];
};

/** The content of one leaf secret: which certificate it carried. */
export type LeafContent = {
  readonly kind: "leaf";
  readonly version: string;
  readonly serial: string;
  readonly authorityKeyId: string;
  readonly notAfter: Date;
};

export type SecretContent = BundleContent | LeafContent;

/** The last thing handed over, recorded before the write. */
export type Given<Content> = { readonly at: Date; readonly content: Content };

/** The last delivery that the holder took, and how well we know it. */
export type Accepted = { readonly at: Date; readonly version: string; readonly grade: Grade };
/** `at`: since when it has been known to use certificates of this authority alone. */
export type AcceptedLeaf = Accepted & Pick<LeafContent, "serial" | "authorityKeyId">;

/** Why nothing flows any more: a closed stream ends no dependence on the secret, an unsubscription does. */
export type Left = { readonly how: "closed" | "unsubscribed"; readonly at: Date };

type Held<Content extends SecretContent> = {
  readonly kind: Content["kind"];
  /** Envoy's resource name, or `x509-svid` and `x509-bundle` for the Workload API. */
  readonly name: string;
  /**
   * Which of the process's streams: Envoy opens one per (name, ConfigSource), so one process may hold a name twice,
   * and each copy must accept for itself. "" for an agent and for the server.
   */
  readonly channel: string;
  /** When this copy was first asked for; a reconnect that takes it over keeps it. */
  readonly openedAt: Date;
  /** Undefined while the stream is open and the name in its subscription. */
  readonly left: Left | undefined;
  readonly delivered: Given<Content> | undefined;
  /** Set while the last delivery stands refused. */
  readonly refusal: { readonly reason: string; readonly at: Date } | undefined;
};

export type HeldBundle = Held<BundleContent> & {
  readonly acknowledged: Accepted | undefined;
  /** Anchors of the last acknowledged content that were also in everything delivered since. */
  readonly acceptedAnchors: readonly string[];
};

export type HeldLeaf = Held<LeafContent> & {
  readonly acknowledged: AcceptedLeaf | undefined;
  /** The latest end of any leaf delivered here: before it the holder may still present one. */
  readonly lastNotAfter: Date | undefined;
  /** Authorities of the last acknowledged leaf and of each delivered since: a refused leaf can still go live in Envoy. */
  readonly liveAuthorities: readonly string[];
};

export type HeldSecret = HeldBundle | HeldLeaf;

/**
 * handshakes: a proxy's own counters say that handshakes fail. probe: its agent's handshake with one of its listeners failed.
 * not-applied: it has acknowledged what it was given last, and its own list of loaded certificates shows something else.
 */
export type TroubleKind = "handshakes" | "probe" | "not-applied";
/** What a process does not do as it should, as its agent sees it from outside: since when without a break, and a sentence's end. */
export type Trouble = { readonly kind: TroubleKind; readonly since: Date; readonly reason: string };

/** Who a holder is. On a node: agent, SPIFFE ID and process, which pid and start time name together. A partner is its trust domain's ID. */
export type HolderIdentity = {
  readonly agentId: string;
  readonly spiffeId: string;
  /** 0 for an agent, for the server and for a partner. */
  readonly pid: number;
  readonly startTime: string;
  readonly kind: HolderKind;
};

/**
 * One party that was given trust material of the domain (docs/rotation.md). A closed stream alone does not end it; only
 * its process's exit, the end of its last SVID, or (holding only bundles) of its lease does.
 */
export type Holder = HolderIdentity & {
  /** Envoy's `node.id`, or the program's path. */
  readonly label: string;
  readonly secrets: readonly HeldSecret[];
  readonly lastSeenAt: Date;
  /** Its agent saw the process exit. */
  readonly gone: boolean;
  /** At most one of each kind. */
  readonly troubles: readonly Trouble[];
  /** Of a partner: how long after a fetch the last of its proxies may still use what it fetched before. 0 for all others. */
  readonly propagation: Seconds;
};

/** The holder's key in any map or table; equal for two values of the same process, SPIFFE ID and kind. */
export const holderKey = (who: HolderIdentity): string =>
  [who.kind, who.agentId, who.spiffeId, who.pid, who.startTime].join("|");

/** The key in short, for people to copy: 12 hexadecimal digits. */
export const holderId = (who: HolderIdentity): string => sha256Hex(holderKey(who)).slice(0, 12);

/** A holder that was given nothing yet. */
export const newHolder = (who: HolderIdentity, label: string, at: Date): Holder => ({
  agentId: who.agentId,
  spiffeId: who.spiffeId,
  pid: who.pid,
  startTime: who.startTime,
  kind: who.kind,
  label,
  secrets: [],
  lastSeenAt: at,
  gone: false,
  troubles: [],
  propagation: seconds(0),
});

/** Still bound to the secret: its stream is open, or closed without an unsubscription. */
export const dependsOn = (secret: HeldSecret): boolean => secret.left?.how !== "unsubscribed";

export const isBundle = (secret: HeldSecret): secret is HeldBundle => secret.kind === "bundle";
export const isLeaf = (secret: HeldSecret): secret is HeldLeaf => secret.kind === "leaf";
