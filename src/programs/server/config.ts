import { z } from "zod";
import { hours, minutes, seconds } from "../../foundation/duration.ts";
import {
  duration,
  durationWithin,
  type FilePieces,
  fileMode,
  hostPort,
  spiffeId,
  trustDomain,
} from "../config/config-pieces.ts";
import { readConfig, type SchemaFor } from "../config/read-config.ts";

const svids = z
  .strictObject({
    workloadTtl: durationWithin(seconds(20), hours(24)).prefault("1h"),
    /** The longest that an entry may ask for. */
    longestTtl: durationWithin(seconds(20), hours(24)).prefault("24h"),
    nodeTtl: durationWithin(minutes(1), hours(24 * 7)).prefault("24h"),
    serverTtl: durationWithin(minutes(1), hours(24 * 7)).prefault("24h"),
  })
  .prefault({});

const rotation = z
  .strictObject({
    maxClockSkew: durationWithin(seconds(0), hours(1)).prefault("5m"),
    settle: durationWithin(seconds(0), hours(1)).prefault("10s"),
    bundleLease: durationWithin(minutes(1), hours(24 * 30)).prefault("24h"),
    /** Leaves under a withdrawn authority are replaced within this time, each at a moment of its own. */
    reissueSpread: duration.prefault("30s"),
  })
  .prefault({});

const limits = z
  .strictObject({
    perIdentityPerMinute: z.int().min(1).max(1_000_000).default(600),
    perTenantPerSecond: z.int().min(1).max(1_000_000).default(10_000),
    queueItems: z.int().min(1).max(1_000_000).default(20_000),
  })
  .prefault({});

const adminSection = (path: FilePieces["path"]) =>
  z
    .strictObject({
      socket: path.prefault("/run/meshmint/admin.sock"),
      mode: fileMode.prefault("0660"),
      groupId: z.int().min(0).optional(),
      /** Users who are security officers on the socket, beside root and the server's own user. */
      allowedUids: z.array(z.int().min(0)).default([]),
      /** SPIFFE IDs that bear a role over mTLS. */
      viewers: z.array(spiffeId).default([]),
      operators: z.array(spiffeId).default([]),
      securityOfficers: z.array(spiffeId).default([]),
    })
    .prefault({});

const schema = (({ path }) =>
  z.strictObject({
    program: z.literal("server"),
    trustDomain,
    /** Databases and whatever else must survive a restart; one server process at a time. */
    stateDir: path.prefault("/var/lib/meshmint/server"),
    /** gRPC for agents and remote admins (TLS 1.3). */
    listen: hostPort.prefault("0.0.0.0:8443"),
    /** HTTP for /live, /ready and /metrics. */
    ops: hostPort.prefault("127.0.0.1:8444"),
    admin: adminSection(path),
    signer: z.strictObject({ socket: path.prefault("/run/meshmint/signer.sock") }).prefault({}),
    /** PEM files that the ceremonies wrote. Read at the first start only; after that the store knows the authorities. */
    authority: z.strictObject({ root: path, intermediate: path }),
    svids,
    rotation,
    limits,
    /** Threads that verify CSRs and build certificates. */
    workers: z.int().min(1).max(64).default(2),
    log: z.strictObject({ level: z.enum(["debug", "info", "warn", "error"]).default("info") }).prefault({}),
  })) satisfies SchemaFor<unknown>;

export type ServerConfig = z.output<ReturnType<typeof schema>>;

/** Reads the server's configuration file. Throws CONFIG_INVALID with one line for each problem. */
export const readServerConfig = (file: string): Promise<ServerConfig> => readConfig(file, schema);
