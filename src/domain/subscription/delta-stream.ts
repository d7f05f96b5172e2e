import { askedNames, isStale, type Received, type Stream, verdictOf } from "./stream.ts";

/** A DeltaDiscoveryRequest, as far as bookkeeping goes. */
export type DeltaRequest = {
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  readonly initialVersions: ReadonlyMap<string, string>;
  readonly nonce: string;
  /** The error_detail's text; undefined when the field is absent. */
  readonly refusal: string | undefined;
};

/**
 * Takes in one delta request. What it subscribes to and gives up counts whatever its nonce says, even in a NACK (D1).
 * A name that is subscribed to is answered although the client may hold it (D2), unless the stream's first request says
 * that it holds exactly the current content (D3). Giving up an unknown name changes nothing (D6).
 */
export function receiveDelta(stream: Stream, request: DeltaRequest): Received {
  const subscribe = askedNames(request.subscribe);
  const unsubscribe = askedNames(request.unsubscribe);
  const names = new Set([...[...stream.names].filter((name) => !unsubscribe.has(name)), ...subscribe]);
  const kept = ([name]: readonly [string, string]) => !subscribe.has(name) && !unsubscribe.has(name);
  const told = new Map([...stream.told].filter(kept));
  const claimed = stream.begun
    ? new Map([...stream.claimed].filter(kept))
    : new Map([...request.initialVersions].filter(([name]) => subscribe.has(name)));
  const verdict = verdictOf(stream, { told }, request);
  const awaiting = stream.awaiting && verdict === undefined;
  return {
    stream: { ...stream, names, told, claimed, begun: true, awaiting },
    added: [...subscribe].filter((name) => !stream.names.has(name)),
    dropped: [...unsubscribe].filter((name) => stream.names.has(name) && !names.has(name)),
    verdict,
    stale: isStale(stream, request.nonce),
  };
}
