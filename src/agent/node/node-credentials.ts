import type { Bundle } from "../../domain/trust/bundle.ts";
import type { X509Svid } from "../../domain/trust/svid.ts";

/** The node's own SVID, with which it speaks to the server. Its key may be on disk (0600), unlike a workload's. */
export type NodeCredentials = { readonly svid: X509Svid; readonly obtainedAt: Date };

/** What an agent keeps over its own restart. Writes resolve once durable; a torn or foreign file counts as none. */
export interface NodeStore {
  loadNode(): Promise<NodeCredentials | undefined>;
  saveNode(credentials: NodeCredentials): Promise<void>;
  loadBundle(): Promise<Bundle | undefined>;
  saveBundle(bundle: Bundle): Promise<void>;
}
