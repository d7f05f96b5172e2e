import type { DemoPlan } from "./demo-plan.ts";

/** Short lives, so that renewals happen while a person watches; everything else as it would be in earnest. */
const leafTtl = "30s";

/** The configuration files of every program, by file name. JSON is YAML. */
export function demoConfigs(plan: DemoPlan): Readonly<Record<string, object>> {
  return {
    "ceremony-1.yaml": ceremony(plan, 1),
    "ceremony-2.yaml": { ...ceremony(plan, 2), cross: { oldRootLabel: "root-1" } },
    "signer.yaml": {
      program: "signer",
      socket: { path: plan.sockets.signer },
      token: { label: "issuing", pinFile: "pins/issuing.pin" },
      journal: "signer/journal",
    },
    "server.yaml": {
      program: "server",
      trustDomain: plan.trustDomain,
      stateDir: "server",
      listen: `127.0.0.1:${plan.serverPort}`,
      ops: `127.0.0.1:${plan.serverOpsPort}`,
      admin: { socket: plan.sockets.admin },
      signer: { socket: plan.sockets.signer },
      authority: {
        root: "ceremony-1/root.pem",
        intermediate: "ceremony-1/issuing-1-1.pem",
      },
      svids: { workloadTtl: leafTtl },
      rotation: { settle: "2s", reissueSpread: "3s" },
    },
    "agent.yaml": {
      program: "agent",
      trustDomain: plan.trustDomain,
      stateDir: "agent",
      socket: { path: plan.sockets.agent },
      server: { address: `127.0.0.1:${plan.serverPort}` },
      joinTokenFile: "join.token",
      ops: `127.0.0.1:${plan.agentOpsPort}`,
    },
  };
}

const ceremony = (plan: DemoPlan, generation: number): object => ({
  program: "ceremony",
  trustDomain: plan.trustDomain,
  outputFolder: `ceremony-${generation}`,
  offlineToken: token("offline"),
  root: { label: `root-${generation}` },
  issuingToken: token("issuing"),
  intermediate: { label: `issuing-${generation}`, count: 4 },
});

const token = (label: string): object => ({
  label,
  pinFile: `pins/${label}.pin`,
  initialize: true,
  soPinFile: `pins/so.pin`,
});
