import {
  dependsOn,
  type HeldBundle,
  type HeldLeaf,
  type HeldSecret,
  type Holder,
  type HolderKind,
  type Trouble,
  type TroubleKind,
} from "./holder.ts";

/**
 * A holder in plain data, field for field as `meshmint.trust.v1.Holder` is read and written by proto-loader (64-bit
 * numbers as decimal texts, enums by name): one form for the wire, the server's store and an agent's roster file.
 * Read back by parseHolder.
 */
export type HolderRecord = {
  agentId: string;
  spiffeId: string;
  pid: number;
  startTime: string;
  kind: HolderKindName;
  label: string;
  secrets: HeldSecretRecord[];
  lastSeenMs: string;
  gone: boolean;
  /** Missing in what was stored before there were any. */
  troubles?: TroubleRecord[];
  propagationSeconds?: number;
};

export type TroubleRecord = { kind: TroubleKindName; sinceMs: string; reason: string };

export type HeldSecretRecord = {
  name: string;
  kind: "SECRET_KIND_UNSPECIFIED" | "SECRET_KIND_LEAF" | "SECRET_KIND_BUNDLE";
  subscribed: boolean;
  deliveredVersion: string;
  deliveredAtMs: string;
  acknowledgedVersion: string;
  acknowledgedAtMs: string;
  grade: GradeName;
  acceptedAnchors: string[];
  deliveredAnchors: string[];
  deliveredSerial: string;
  deliveredAuthority: string;
  acknowledgedSerial: string;
  acknowledgedAuthority: string;
  refusal: string;
  refusedAtMs: string;
  deliveredNotAfterMs: string;
  channel: string;
  openedAtMs: string;
  leftAtMs: string;
  lastNotAfterMs: string;
  liveAuthorities: string[];
};

export const holderKindNames = {
  HOLDER_KIND_UNSPECIFIED: undefined,
  HOLDER_KIND_SDS: "sds",
  HOLDER_KIND_WORKLOAD_API: "workload-api",
  HOLDER_KIND_AGENT: "agent",
  HOLDER_KIND_SERVER: "server",
  HOLDER_KIND_PARTNER: "partner",
} as const;
export type HolderKindName = keyof typeof holderKindNames;

export const gradeNames = {
  GRADE_UNSPECIFIED: undefined,
  GRADE_ASSUMED: "assumed",
  GRADE_RETURNED: "returned",
  GRADE_DELIVERED: "delivered",
  GRADE_ACKNOWLEDGED: "acknowledged",
  GRADE_PROVED: "proved",
} as const;
export type GradeName = keyof typeof gradeNames;

export const troubleKindNames = {
  TROUBLE_KIND_UNSPECIFIED: undefined,
  TROUBLE_KIND_HANDSHAKES: "handshakes",
  TROUBLE_KIND_PROBE: "probe",
  TROUBLE_KIND_NOT_APPLIED: "not-applied",
} as const;
export type TroubleKindName = keyof typeof troubleKindNames;

const kindRecords = {
  sds: "HOLDER_KIND_SDS",
  "workload-api": "HOLDER_KIND_WORKLOAD_API",
  agent: "HOLDER_KIND_AGENT",
  server: "HOLDER_KIND_SERVER",
  partner: "HOLDER_KIND_PARTNER",
} as const satisfies Record<HolderKind, HolderKindName>;

/** The holder as plain data for a message or a file. */
export const toHolderRecord = (holder: Holder): HolderRecord => ({
  agentId: holder.agentId,
  spiffeId: holder.spiffeId,
  pid: holder.pid,
  startTime: holder.startTime,
  kind: kindRecords[holder.kind],
  label: holder.label,
  secrets: holder.secrets.map(toSecretRecord),
  lastSeenMs: ms(holder.lastSeenAt),
  gone: holder.gone,
  troubles: holder.troubles.map(toTroubleRecord),
  propagationSeconds: holder.propagation,
});

const troubleRecords = {
  handshakes: "TROUBLE_KIND_HANDSHAKES",
  probe: "TROUBLE_KIND_PROBE",
  "not-applied": "TROUBLE_KIND_NOT_APPLIED",
} as const satisfies Record<TroubleKind, TroubleKindName>;

const toTroubleRecord = ({ kind, since, reason }: Trouble): TroubleRecord => ({
  kind: troubleRecords[kind],
  sinceMs: ms(since),
  reason,
});

const toSecretRecord = (secret: HeldSecret): HeldSecretRecord => ({
  name: secret.name,
  channel: secret.channel,
  subscribed: dependsOn(secret),
  openedAtMs: ms(secret.openedAt),
  leftAtMs: ms(secret.left?.at),
  deliveredVersion: secret.delivered?.content.version ?? "",
  deliveredAtMs: ms(secret.delivered?.at),
  acknowledgedVersion: secret.acknowledged?.version ?? "",
  acknowledgedAtMs: ms(secret.acknowledged?.at),
  grade: gradeRecord(secret),
  refusal: secret.refusal?.reason ?? "",
  refusedAtMs: ms(secret.refusal?.at),
  ...(secret.kind === "bundle" ? bundleFields(secret) : leafFields(secret)),
});

const bundleFields = (secret: HeldBundle) => ({
  ...noLeaf,
  liveAuthorities: [],
  kind: "SECRET_KIND_BUNDLE" as const,
  acceptedAnchors: [...secret.acceptedAnchors],
  deliveredAnchors: [...(secret.delivered?.content.anchors ?? [])],
});

const leafFields = (secret: HeldLeaf) => ({
  kind: "SECRET_KIND_LEAF" as const,
  acceptedAnchors: [],
  deliveredAnchors: [],
  deliveredSerial: secret.delivered?.content.serial ?? "",
  deliveredAuthority: secret.delivered?.content.authorityKeyId ?? "",
  deliveredNotAfterMs: ms(secret.delivered?.content.notAfter),
  acknowledgedSerial: secret.acknowledged?.serial ?? "",
  acknowledgedAuthority: secret.acknowledged?.authorityKeyId ?? "",
  lastNotAfterMs: ms(secret.lastNotAfter),
  liveAuthorities: [...secret.liveAuthorities],
});

const noLeaf = {
  deliveredSerial: "",
  deliveredAuthority: "",
  deliveredNotAfterMs: "0",
  acknowledgedSerial: "",
  acknowledgedAuthority: "",
  lastNotAfterMs: "0",
};

const gradeRecord = (secret: HeldSecret): GradeName =>
  secret.acknowledged
    ? (`GRADE_${secret.acknowledged.grade.toUpperCase()}` as GradeName)
    : "GRADE_UNSPECIFIED";

/** Milliseconds since the epoch as a decimal text; "0" for never. */
const ms = (at: Date | undefined): string => String(at?.getTime() ?? 0);
