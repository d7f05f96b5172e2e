import type { ServerUnaryCall } from "@grpc/grpc-js";
import { pathOf, trustDomainOf } from "../../domain/identity/spiffe-id.ts";
import type { TrustDomain } from "../../domain/identity/trust-domain.ts";
import { Fault } from "../../foundation/fault.ts";
import { type TlsPeer, tlsPeerOf } from "../grpc/tls-peer.ts";
import type { NodeGate } from "./ports.ts";

type Call = Pick<ServerUnaryCall<unknown, unknown>, "getAuthContext">;

/** The agent behind a call. Throws an opaque PERMISSION_DENIED for anybody else. */
export function nodeCaller(call: Call, trustDomain: TrustDomain, gate: NodeGate): TlsPeer {
  const peer = tlsPeerOf(call);
  const isNode =
    peer !== undefined &&
    trustDomainOf(peer.spiffeId) === trustDomain &&
    pathOf(peer.spiffeId).startsWith("/meshmint/agent/") &&
    gate.admits(peer.spiffeId, peer);
  if (!isNode)
    throw new Fault("PERMISSION_DENIED", "this caller is not an attested node of this trust domain");
  return peer;
}
