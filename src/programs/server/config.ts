import { z } from "zod";
import { parseCohortRules } from "../../domain/trust/cohorts.ts";
import { formatDuration, hours, minutes, type Seconds, seconds } from "../../foundation/duration.ts";
import { ok } from "../../foundation/result.ts";
import {
  durationWithin,
  type FilePieces,
  fileMode,
  hostPort,
  spiffeId,
  trustDomain,
} from "../config/config-pieces.ts";
import { readConfig, type SchemaFor } from "../config/read-config.ts";
import { nodeAttestationSection } from "./node-attestation-config.ts";

const svids = z
  .strictObject({
    /** For entries that ask for no lifetime of their own. */
    workloadTtl: durationWithin(seconds(20), hours(24)).prefault("1h"),
    /** The longest that an entry may ask for; what the signer signs at most is the signer's own `ttlCap`. */
    longestTtl: durationWithin(seconds(20), hours(24)).prefault("24h"),
    /** Also how long a node with a join token may be away and still come back without another. */
    nodeTtl: durationWithin(seconds(20), hours(24 * 7)).prefault("24h"),
    /** The certificate of the server's own listener. */
    serverTtl: durationWithin(minutes(1), hours(24 * 7)).prefault("24h"),
  })
  // Only a set longestTtl can be too short: its default is the most that workloadTtl may be.
  .refine(({ workloadTtl, longestTtl }) => workloadTtl <= longestTtl, {
    path: ["longestTtl"],
    message: "is shorter than workloadTtl; raise it, or lower workloadTtl",
  })
  .prefault({});

const schedule = z
  .strictObject({
    /** Whether the server starts the next intermediate of the stock by itself. */
    automatic: z.boolean().default(true),
    /** From one intermediate to the next; each signs for as long as it lasts when left out. */
    every: durationWithin(minutes(1), hours(24 * 3650)).optional(),
    /** How long before the present intermediate can issue the longest leaf no more the next one is due. */
    margin: durationWithin(seconds(1), hours(24 * 365)).prefault("7d"),
  })
  .refine(({ automatic, every }) => automatic || every === undefined, {
    path: ["every"],
    message: "is of no use where automatic is false; remove one of them",
  })
  .prefault({});

const cohorts = z
  .strictObject({
    /** `KEY=VALUE` and `N%`; none: everybody has his turn at once. */
    order: z.array(z.string()).superRefine(refuseBadCohorts).default([]),
    /** How long one has to have stood before the next one's turn. */
    soak: durationWithin(seconds(0), hours(24 * 30)).prefault("10m"),
    /** How long one may take before the rotation is paused. */
    timeout: durationWithin(seconds(1), hours(24 * 30)).prefault("1h"),
  })
  .prefault({});

function refuseBadCohorts(order: readonly string[], context: z.RefinementCtx): void {
  const rules = order.length === 0 ? ok(undefined) : parseCohortRules(order);
  if (!rules.ok) context.addIssue({ code: "custom", message: rules.error });
}

/** When a rotation goes back, or stops, by itself: more than the share of a cohort's processes, and so many at least. */
const failures = z
  .strictObject({
    percent: z.int().min(0).max(100).default(5),
    least: z.int().min(1).max(1_000_000).default(2),
  })
  .prefault({});

const rotation = z
  .strictObject({
    /** How far the clocks of the mesh may differ: an expiry counts this long after it, a beginning likewise. */
    maxClockSkew: durationWithin(seconds(0), hours(1)).prefault("5m"),
    /** How long an acknowledged leaf must have stood before the leaf that it replaced counts as released. */
    settle: durationWithin(seconds(0), hours(1)).prefault("10s"),
    /** How long after its last contact a holder that never had an SVID is still waited for. */
    bundleLease: durationWithin(minutes(1), hours(24 * 30)).prefault("24h"),
    /** Leaves under a withdrawn authority are replaced within this time, each at a moment of its own. */
    reissueSpread: durationWithin(seconds(0), hours(24)).prefault("30s"),
    schedule,
    cohorts,
    failures,
  })
  .prefault({});

const limits = z
  .strictObject({
    /** Leaves, as a steady rate and as a burst, for one SPIFFE ID. */
    perIdentityPerMinute: z.int().min(1).max(1_000_000).default(600),
    perIdentityBurst: z.int().min(1).max(1_000_000).optional(),
    /** Likewise for one tenant; entries without a tenant share one. */
    perTenantPerSecond: z.int().min(1).max(1_000_000).default(10_000),
    perTenantBurst: z.int().min(1).max(1_000_000).optional(),
    /** A tenant's part where several have something waiting; 1 for those that are not named. */
    tenantWeights: z.record(z.string().min(1).max(2048), z.int().min(1).max(1000)).default({}),
    /** Percent of the server's budget that only emergency and near-expiry may use. */
    reservedPercent: z.int().min(0).max(90).default(30),
    /** The server's budget: what the signer carries in this time may wait for it. */
    longestWait: durationWithin(seconds(1), minutes(1)).prefault("10s"),
    /** How long a caller waits that does not say, and at most; what cannot be answered by then is shed before it is signed. */
    answerWithin: durationWithin(seconds(1), minutes(5)).prefault("30s"),
    /** Requests that wait, and their bytes; one more is refused with a time to come back. */
    queueItems: z.int().min(1).max(1_000_000).default(20_000),
    queueBytes: z.int().min(65_536).max(1_073_741_824).default(67_108_864),
    /** Requests under way behind the queue, whatever the measured pace would allow. */
    underWay: z.int().min(1).max(100_000).default(1024),
  })
  .prefault({});

const adminSection = (path: FilePieces["path"]) =>
  z
    .strictObject({
      /** The admin API, for local operators. */
      socket: path.prefault("/run/meshmint/admin.sock"),
      mode: fileMode.prefault("0660"),
      /** The group that may open the socket; the process's own when left out. */
      groupId: z.int().min(0).optional(),
      /** Users who are security officers on the socket, beside root and the server's own user. */
      allowedUids: z.array(z.int().min(0)).default([]),
      /** SPIFFE IDs that bear a role over mTLS; one in several lists bears the highest. */
      viewers: z.array(spiffeId).default([]),
      operators: z.array(spiffeId).default([]),
      securityOfficers: z.array(spiffeId).default([]),
    })
    .prefault({});

const signers = (path: FilePieces["path"]) =>
  z
    .array(
      z.strictObject({
        /** In logs, metrics, the ledger and `meshmint signer list`. */
        name: z
          .string()
          .regex(/^[a-z0-9][a-z0-9.-]{0,62}$/, "is not a name of lower-case letters, digits, - and ."),
        socket: path,
      }),
    )
    .min(1)
    .max(16)
    .refine((list) => new Set(list.map(({ name }) => name)).size === list.length, "two signers bear one name")
    .refine(
      (list) => new Set(list.map(({ socket }) => socket)).size === list.length,
      "two signers have one socket",
    )
    .optional();

const defaultSocket = "/run/meshmint/signer.sock";

/** No leaf lives longer than this, whatever its profile. */
export const longestLeafOf = ({ svids: kinds }: { readonly svids: z.output<typeof svids> }): Seconds =>
  seconds(Math.max(kinds.longestTtl, kinds.nodeTtl, kinds.serverTtl));

/** A rotation ends at the latest when every leaf of the intermediate before has expired, for every clock of the mesh. */
function refuseShortInterval(
  config: { readonly svids: z.output<typeof svids>; readonly rotation: z.output<typeof rotation> },
  context: z.RefinementCtx,
): void {
  const { schedule: plan, maxClockSkew, settle } = config.rotation;
  const complain = (key: "every" | "margin", message: string) =>
    context.addIssue({ code: "custom", path: ["rotation", "schedule", key], message });
  const leaf = longestLeafOf(config);
  const least = seconds(leaf + maxClockSkew + settle);
  if (plan.every !== undefined && plan.every < least) {
    const parts = `the longest leaf (${formatDuration(leaf)}), maxClockSkew and settle`;
    const remedy = "raise it, or lower svids.longestTtl, nodeTtl and serverTtl";
    complain("every", `is shorter than a rotation may take, ${formatDuration(least)}: ${parts}; ${remedy}`);
  }
  const wait = seconds(maxClockSkew + settle);
  if (plan.automatic && plan.margin < wait)
    complain("margin", `is shorter than maxClockSkew and settle, ${formatDuration(wait)}; raise it`);
}

export const serverSchema = (({ path }) =>
  z
    .strictObject({
      program: z.literal("server"),
      /** What is issued is issued for this one alone; the authority's name constraints say the same. */
      trustDomain,
      /** Databases and whatever else must survive a restart; one server process at a time. */
      stateDir: path.prefault("/var/lib/meshmint/server"),
      /** gRPC for agents and remote admins (TLS 1.3). */
      listen: hostPort.prefault("0.0.0.0:8443"),
      /** HTTP for /live, /ready and /metrics. */
      ops: hostPort.prefault("127.0.0.1:8444"),
      admin: adminSection(path),
      /** The only signer, unless `signers` is given; at its default socket where both are left out. */
      signer: z.strictObject({ socket: path.prefault(defaultSocket) }).optional(),
      /** Several signers with the same keys: one per token or HSM partition. */
      signers: signers(path),
      /** PEM files that the ceremonies wrote. Read at the first start only; after that the store knows the authorities. */
      authority: z.strictObject({ root: path, intermediate: path }),
      nodeAttestation: nodeAttestationSection(path),
      svids,
      rotation,
      limits,
      ledger: z
        .strictObject({
          /** Each checkpoint of the ledger is appended to this file too, best on another machine's disk. */
          checkpointFile: path.optional(),
          /** How long after its expiry a certificate moves from the database to an archive tile. */
          archiveAfter: durationWithin(hours(1), hours(24 * 3650)).prefault("30d"),
        })
        .prefault({}),
      /** Threads that verify CSRs and build certificates. */
      workers: z.int().min(1).max(64).default(2),
      log: z.strictObject({ level: z.enum(["debug", "info", "warn", "error"]).default("info") }).prefault({}),
    })
    .refine(({ signer, signers: several }) => signer === undefined || several === undefined, {
      path: ["signers"],
      message: "cannot be set beside signer; remove one, or give the only signer a place in the list",
    })
    .superRefine(refuseShortInterval)) satisfies SchemaFor<unknown>;

export type ServerConfig = z.output<ReturnType<typeof serverSchema>>;

/** Every signer by its name; the only one, where there is one, is called "signer". */
export const signersOf = ({ signer, signers: several }: ServerConfig) =>
  several ?? [{ name: "signer", socket: signer?.socket ?? defaultSocket }];

/** Reads the server's configuration file. Throws CONFIG_INVALID with one line for each problem. */
export const readServerConfig = (file: string): Promise<ServerConfig> => readConfig(file, serverSchema);
