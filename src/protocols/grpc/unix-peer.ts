import type { ProcessIdentity } from "../../domain/identity/process-identity.ts";

/** The text under which grpc-js carries a Unix peer (`call.getPeer()`); made by us at accept, never by the caller. */
export const formatUnixPeer = (peer: ProcessIdentity): string =>
  `unix:pid=${peer.pid},uid=${peer.uid},gid=${peer.gid},start=${peer.startTime}`;

/** The process behind a call, or undefined when the call did not come through our Unix listener. */
export function parseUnixPeer(text: string): ProcessIdentity | undefined {
  const match = /^unix:pid=(\d+),uid=(\d+),gid=(\d+),start=(\d+)$/.exec(text);
  if (match === null) return undefined;
  const [, pid, uid, gid, startTime = ""] = match;
  return { pid: Number(pid), uid: Number(uid), gid: Number(gid), startTime };
}
