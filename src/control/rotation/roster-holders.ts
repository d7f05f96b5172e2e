import type { Holder, HolderIdentity, LeafContent } from "../../domain/trust/holder.ts";
import { newHolder } from "../../domain/trust/holder.ts";
import { acknowledged, delivered } from "../../domain/trust/holder-updates.ts";

/** A certificate that an agent or the server presents as its own. */
export type OwnLeaf = Omit<LeafContent, "kind" | "version">;

const bundlePlace = { channel: "", name: "bundle" } as const;
const leafPlace = { channel: "", name: "own-svid" } as const;

/** The agent itself as a holder: it verifies servers with its bundle, and hands that bundle out. */
export const agentIdentity = (agentId: string): HolderIdentity => ({
  agentId,
  spiffeId: agentId,
  pid: 0,
  startTime: "",
  kind: "agent",
});

export const serverIdentity = (serverId: string): HolderIdentity => ({
  ...agentIdentity(serverId),
  kind: "server",
});

/** What a party that holds for itself was given of the bundle, and whether it has taken it. */
export type OwnBundle = {
  readonly sequence: string;
  readonly anchors: readonly string[];
  readonly taken: boolean;
};

export function withBundle(holder: Holder, bundle: OwnBundle, at: Date): Holder {
  const content = { kind: "bundle", version: bundle.sequence, anchors: bundle.anchors } as const;
  const given = delivered(holder, { ...bundlePlace, content }, at);
  if (!bundle.taken) return given;
  return acknowledged(given, { ...bundlePlace, version: content.version, grade: "acknowledged" }, at);
}

/** Takes only what is public of the leaf: callers pass certificates that carry their private key. */
export function withOwnLeaf(holder: Holder, { serial, authorityKeyId, notAfter }: OwnLeaf, at: Date): Holder {
  const content = { kind: "leaf", version: serial, serial, authorityKeyId, notAfter } as const;
  return delivered(holder, { ...leafPlace, content }, at);
}

export const hasBundle = (holder: Holder): boolean =>
  holder.secrets.some((secret) => secret.kind === "bundle");

/** The serial that the holder presented before, if it was another one. */
export const formerSerial = (holder: Holder, leaf: OwnLeaf): string | undefined =>
  holder.secrets
    .flatMap((secret) =>
      secret.kind === "leaf" && secret.delivered ? [secret.delivered.content.serial] : [],
    )
    .find((serial) => serial !== leaf.serial);

export const holderOf = (identity: HolderIdentity, at: Date): Holder =>
  newHolder(identity, identity.kind, at);

/** An agent's clock may be ahead of ours: nothing that it saw counts as later than now. */
export function clampTimes(holder: Holder, now: Date): Holder {
  const clamp = (at: Date) => (at > now ? now : at);
  const secrets = holder.secrets.map((secret) =>
    secret.kind === "leaf"
      ? {
          ...secret,
          acknowledged: secret.acknowledged && { ...secret.acknowledged, at: clamp(secret.acknowledged.at) },
        }
      : secret,
  );
  const troubles = holder.troubles.map((one) => ({ ...one, since: clamp(one.since) }));
  return { ...holder, secrets, troubles, lastSeenAt: clamp(holder.lastSeenAt) };
}
