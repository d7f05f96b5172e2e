import { askedNames, isStale, type Received, type Stream, verdictOf } from "./stream.ts";

/** A DiscoveryRequest, as far as bookkeeping goes. `version_info` is not here: it never decides anything (S5, S13). */
export type SotwRequest = {
  readonly names: readonly string[];
  readonly nonce: string;
  /** The error_detail's text; undefined when the field is absent. */
  readonly refusal: string | undefined;
};

/**
 * Takes in one state-of-the-world request. A stale one is ignored wholly (S4). Otherwise its names replace the
 * subscription, in an ACK, in a NACK and in between (S7): a dropped name is forgotten, so that asking again is answered
 * again (S8). On a stream's first request a nonce can only be an older stream's; it is ignored and the names count (S13).
 */
export function receiveSotw(stream: Stream, request: SotwRequest): Received {
  if (isStale(stream, request.nonce)) {
    return { stream, added: [], dropped: [], verdict: undefined, stale: true };
  }
  const names = askedNames(request.names);
  const told = new Map([...stream.told].filter(([name]) => names.has(name)));
  const verdict = verdictOf(stream, { told }, request);
  return {
    stream: { ...stream, names, told, begun: true, awaiting: stream.awaiting && verdict === undefined },
    added: [...names].filter((name) => !stream.names.has(name)),
    dropped: [...stream.names].filter((name) => !names.has(name)),
    verdict,
    stale: false,
  };
}
