import { z } from "zod";
import { hours, seconds } from "../../foundation/duration.ts";
import { durationWithin, fileMode, hostPort, trustDomain } from "../config/config-pieces.ts";
import { readConfig, type SchemaFor } from "../config/read-config.ts";

/** How Envoys are looked at from outside, that name their admin interface. */
const proxies = z.strictObject({
  /** How often each is; 0s looks at none. */
  inspectEvery: durationWithin(seconds(0), hours(1)).prefault("10s"),
  /** At each look, one handshake with each of its listeners on loopback; Envoy counts and logs them like any other. */
  probe: z.boolean().default(false),
});

/** How local processes are known. */
const attest = z.strictObject({
  /** How long one attestor may take for one process. */
  timeout: durationWithin(seconds(1), seconds(30)).prefault("3s"),
  /** How long what an attestor said of a process stays in force while it fails for it. */
  keepFor: durationWithin(seconds(0), hours(24)).prefault("1h"),
  /** How often processes with an open stream are looked at again. */
  recheckEvery: durationWithin(seconds(1), hours(1)).prefault("30s"),
});

export const agentSchema = (({ path }) =>
  z
    .strictObject({
      program: z.literal("agent"),
      /** The server's; a state folder belongs to one for good. */
      trustDomain,
      /** The node's own SVID, the last bundle and the roster of holders; one agent process at a time. */
      stateDir: path.prefault("/var/lib/meshmint/agent"),
      /** `listen` of the server. Any name or address will do: who answers must prove the server's SPIFFE ID. */
      server: z.strictObject({ address: hostPort }),
      /** SDS and Workload API, for every local process: callers are known by kernel credentials. */
      socket: z
        .strictObject({ path: path.prefault("/run/meshmint/agent.sock"), mode: fileMode.prefault("0666") })
        .prefault({}),
      /** Needed once, while the node has no valid SVID of its own. A file is preferred: a configuration is no place for secrets. */
      joinToken: z.string().min(1).optional(),
      joinTokenFile: path.optional(),
      /** PEM roots; with them the server is not asked for its own at first contact. */
      trustBundleFile: path.optional(),
      /** HTTP for /live, /ready and /metrics. */
      ops: hostPort.prefault("127.0.0.1:8445"),
      workloadApi: z
        .strictObject({
          /** A delivery counts as taken when its stream is still open this long after it. */
          settle: durationWithin(seconds(0), hours(1)).prefault("10s"),
        })
        .prefault({}),
      attest: attest.prefault({}),
      proxies: proxies.prefault({}),
      ledger: z
        .strictObject({
          /** How often the server's ledger is asked to prove that it has only grown. */
          checkpointEvery: durationWithin(seconds(1), hours(24)).prefault("1m"),
        })
        .prefault({}),
      log: z.strictObject({ level: z.enum(["debug", "info", "warn", "error"]).default("info") }).prefault({}),
    })
    .refine(({ joinToken, joinTokenFile }) => joinToken === undefined || joinTokenFile === undefined, {
      path: ["joinToken"],
      message: "is set beside joinTokenFile; keep one of the two",
    })) satisfies SchemaFor<unknown>;

export type AgentConfig = z.output<ReturnType<typeof agentSchema>>;

/** Reads the agent's configuration file. Throws CONFIG_INVALID with one line for each problem. */
export const readAgentConfig = (file: string): Promise<AgentConfig> => readConfig(file, agentSchema);
