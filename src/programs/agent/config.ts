import { z } from "zod";
import { hours, seconds } from "../../foundation/duration.ts";
import { durationWithin, type FilePieces, fileMode, hostPort, trustDomain } from "../config/config-pieces.ts";
import { readConfig, type SchemaFor } from "../config/read-config.ts";
import { attestSchema } from "./attest-config.ts";

/** How Envoys are looked at from outside, that name their admin interface. */
const proxies = z.strictObject({
  /** How often each is; 0s looks at none. */
  inspectEvery: durationWithin(seconds(0), hours(1)).prefault("10s"),
  /** At each look, one handshake with each of its listeners on loopback; Envoy counts and logs them like any other. */
  probe: z.boolean().default(false),
});

/** How the node proves itself, as often as it must; in place of a join token. */
const nodeAttestation = (path: FilePieces["path"]) =>
  z
    .strictObject({
      /** A certificate of another PKI, with its key; the server's configuration names its authority. */
      x509pop: z.strictObject({ certificateFile: path, keyFile: path }).optional(),
      /** Files with a token, which something else keeps fresh; of an OIDC issuer, or projected by Kubernetes. */
      oidc: z.strictObject({ tokenFile: path }).optional(),
      k8sPsat: z.strictObject({ tokenFile: path }).optional(),
    })
    .refine((proofs) => Object.values(proofs).filter((proof) => proof !== undefined).length === 1, {
      message: "has not exactly one of x509pop, oidc and k8sPsat",
    })
    .optional();

type Proofs = {
  readonly [Key in "joinToken" | "joinTokenFile" | "trustBundleFile"]?: string | undefined;
} & { readonly nodeAttestation?: object | undefined };

function refuseTwoProofs(
  { joinToken, joinTokenFile, nodeAttestation, trustBundleFile }: Proofs,
  context: z.RefinementCtx,
): void {
  const complain = (key: keyof Proofs, message: string) =>
    context.addIssue({ code: "custom", path: [key], message });
  if (joinToken !== undefined && joinTokenFile !== undefined)
    complain("joinToken", "is set beside joinTokenFile; keep one of the two");
  if (nodeAttestation === undefined) return;
  if ((joinToken ?? joinTokenFile) !== undefined)
    complain("nodeAttestation", "is set beside a join token; keep one of the two");
  if (trustBundleFile === undefined)
    complain(
      "trustBundleFile",
      "is needed with nodeAttestation: a node that brings no join token must know the server's root",
    );
}

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
      nodeAttestation: nodeAttestation(path),
      /** PEM roots; with them the server is not asked for its own at first contact; nodeAttestation needs them. */
      trustBundleFile: path.optional(),
      /** HTTP for /live, /ready and /metrics. */
      ops: hostPort.prefault("127.0.0.1:8445"),
      workloadApi: z
        .strictObject({
          /** A delivery counts as taken when its stream is still open this long after it. */
          settle: durationWithin(seconds(0), hours(1)).prefault("10s"),
        })
        .prefault({}),
      attest: attestSchema(path).prefault({}),
      proxies: proxies.prefault({}),
      ledger: z
        .strictObject({
          /** How often the server's ledger is asked to prove that it has only grown. */
          checkpointEvery: durationWithin(seconds(1), hours(24)).prefault("1m"),
        })
        .prefault({}),
      log: z.strictObject({ level: z.enum(["debug", "info", "warn", "error"]).default("info") }).prefault({}),
    })
    .superRefine(refuseTwoProofs)) satisfies SchemaFor<unknown>;

export type AgentConfig = z.output<ReturnType<typeof agentSchema>>;

/** Reads the agent's configuration file. Throws CONFIG_INVALID with one line for each problem. */
export const readAgentConfig = (file: string): Promise<AgentConfig> => readConfig(file, agentSchema);
