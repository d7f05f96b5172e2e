import type { ServerWritableStream } from "@grpc/grpc-js";
import type { RegistrationEntry } from "../../domain/identity/registration-entry.ts";
import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";
import type { WatchRequest__Output } from "../../generated/meshmint/node/v1/WatchRequest.ts";
import type { WatchUpdate } from "../../generated/meshmint/node/v1/WatchUpdate.ts";
import { toServiceError } from "../grpc/fault-status.ts";
import { bundleMessage, entryMessage } from "../grpc/trust-messages.ts";
import { type NodeObserver, tellFailure } from "./failure.ts";
import type { HolderReports, NodeFeed } from "./ports.ts";

/** Characters that are kept of what an agent calls its version. */
const longestVersion = 64;

type WatchCall = ServerWritableStream<WatchRequest__Output, WatchUpdate>;
type Sent = { entries: ReadonlyMap<string, RegistrationEntry>; sequence: number; notice: string };

/** Full state at once, then only what changed; changes that meet a full send buffer are merged into the next message. */
export function serveWatchStream(
  call: WatchCall,
  agent: SpiffeId,
  deps: { readonly feed: NodeFeed; readonly reports: HolderReports; readonly observer: NodeObserver },
): void {
  const { feed, reports, observer } = deps;
  let sent: Sent | undefined;
  let blocked = false;
  const push = () => {
    if (blocked) return;
    const { update, now } = difference(feed, agent, sent);
    sent = now;
    if (update !== undefined) blocked = !call.write(update);
  };
  call.on("drain", () => {
    blocked = false;
    push();
  });
  const unsubscribe = feed.onChange(agent, () => {
    try {
      push();
    } catch (thrown) {
      call.emit("error", toServiceError(tellFailure(observer, "Watch", thrown)));
    }
  });
  reports.connected(agent, call.request.programVersion.slice(0, longestVersion));
  let ended = false;
  const end = () => {
    if (ended) return;
    ended = true;
    unsubscribe();
    reports.disconnected(agent);
  };
  // grpc-js emits the one when the caller hangs up and the other when we end the call.
  call.once("cancelled", end);
  call.once("close", end);
  push();
}

function difference(
  feed: NodeFeed,
  agent: SpiffeId,
  sent: Sent | undefined,
): { update?: WatchUpdate; now: Sent } {
  const entries = new Map(feed.entriesOf(agent).map((entry) => [entry.id, entry]));
  const bundle = feed.bundle(agent);
  const notice = feed.notice(agent);
  const now = { entries, sequence: bundle.sequence, notice: JSON.stringify(notice) };
  const changed = [...entries.values()].filter(
    (entry) => sent?.entries.get(entry.id)?.revision !== entry.revision,
  );
  const removed = [...(sent?.entries.keys() ?? [])].filter((id) => !entries.has(id));
  const bundleChanged = sent?.sequence !== bundle.sequence;
  const noticeChanged = sent?.notice !== now.notice;
  if (sent !== undefined && changed.length + removed.length === 0 && !bundleChanged && !noticeChanged)
    return { now };
  const update: WatchUpdate = {
    full: sent === undefined,
    upserts: changed.map(entryMessage),
    removedEntryIds: removed,
    ...(bundleChanged && { bundle: bundleMessage(bundle) }),
    ...(noticeChanged && { authority: notice }),
  };
  return { update, now };
}
