import type { ServerUnaryCall } from "@grpc/grpc-js";
import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";
import { type TlsPeer, tlsPeerOf } from "../grpc/tls-peer.ts";
import { parseUnixPeer } from "../grpc/unix-peer.ts";
import type { AdminCaller, Role } from "./authorise.ts";

export type AdminGate = {
  /** Users that are security officers on the server's Unix socket: root, the server's own, and those configured. */
  readonly localUids: ReadonlySet<number>;
  /** Who bears a role over mTLS. */
  readonly roles: ReadonlyMap<SpiffeId, Role>;
  /** Whether a certificate that has verified is one that the ledger knows, and was not given to a node that is banned. */
  readonly isValid: (peer: TlsPeer, signal: AbortSignal) => Promise<boolean>;
};

type Call = Pick<ServerUnaryCall<unknown, unknown>, "getPeer" | "getAuthContext">;

/** Who asks, proved by the kernel on the Unix socket or by a verified certificate; undefined for nobody. */
export function adminCaller(call: Call, gate: AdminGate): AdminCaller | undefined {
  const local = parseUnixPeer(call.getPeer());
  if (local) {
    const role = gate.localUids.has(local.uid) ? "security-officer" : undefined;
    return { actor: `unix:uid=${local.uid}`, role, isLocal: true };
  }
  const remote = tlsPeerOf(call);
  return remote && { actor: remote.spiffeId, role: gate.roles.get(remote.spiffeId), isLocal: false };
}

/** What expiry alone would end too late: a certificate of a node that was banned since. True for the Unix socket. */
export async function isStillValid(call: Call, gate: AdminGate, signal: AbortSignal): Promise<boolean> {
  const remote = parseUnixPeer(call.getPeer()) ? undefined : tlsPeerOf(call);
  return remote === undefined || (await gate.isValid(remote, signal));
}
