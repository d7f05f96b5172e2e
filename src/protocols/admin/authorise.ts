import type { AdminServiceHandlers } from "../../generated/meshmint/admin/v1/AdminService.ts";

/** Each may do what those before it may: look; change nodes and registrations; move trust. */
export const roles = ["viewer", "operator", "security-officer"] as const;
export type Role = (typeof roles)[number];

export type AdminMethod = keyof { [K in keyof AdminServiceHandlers as string extends K ? never : K]: never };

/** The least role that each method asks for. A method without a row does not compile: default deny. */
const leastRole = {
  GetStatus: "viewer",
  ListTokens: "viewer",
  GetEntry: "viewer",
  ListEntries: "viewer",
  ListAgents: "viewer",
  ListProxies: "viewer",
  GetBundle: "viewer",
  GetRotation: "viewer",
  ForecastRotation: "viewer",
  GetIncident: "viewer",
  GetStock: "viewer",
  VerifyLedger: "viewer",
  GetLedgerHead: "viewer",
  ReadLedgerEntries: "viewer",
  SearchLedger: "viewer",
  ProveLedgerInclusion: "viewer",
  ProveLedgerConsistency: "viewer",
  ListSigners: "viewer",
  GetLimits: "viewer",
  CreateToken: "operator",
  RevokeToken: "operator",
  CreateEntry: "operator",
  UpdateEntry: "operator",
  DeleteEntry: "operator",
  ApplyEntries: "operator",
  BanAgent: "operator",
  EvictAgent: "operator",
  UnbanAgent: "operator",
  QuarantineHolder: "operator",
  ReleaseHolder: "operator",
  StartRotation: "security-officer",
  ActivateRotation: "security-officer",
  RetireRotation: "security-officer",
  RollbackRotation: "security-officer",
  PauseRotation: "security-officer",
  ResumeRotation: "security-officer",
  StartIncident: "security-officer",
  ReleaseSigner: "security-officer",
} as const satisfies Record<AdminMethod, Role>;

/** Somebody whom the transport has proved. */
export type AdminCaller = {
  /** For the ledger: a SPIFFE ID, or `unix:uid=N`. */
  readonly actor: string;
  /** Undefined: bears no role, may do nothing. */
  readonly role: Role | undefined;
  /** Came through the server's own Unix socket. */
  readonly isLocal: boolean;
};

export function authorise(caller: AdminCaller, method: AdminMethod): boolean {
  return caller.role !== undefined && roles.indexOf(caller.role) >= roles.indexOf(leastRole[method]);
}
