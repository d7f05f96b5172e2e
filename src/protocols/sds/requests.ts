import type { DeltaRequest } from "../../domain/subscription/delta-stream.ts";
import type { SotwRequest } from "../../domain/subscription/sotw-stream.ts";
import { Fault } from "../../foundation/fault.ts";
import type { DeltaDiscoveryRequest__Output } from "../../generated/envoy/service/discovery/v3/DeltaDiscoveryRequest.ts";
import type { DiscoveryRequest__Output } from "../../generated/envoy/service/discovery/v3/DiscoveryRequest.ts";
import { secretType } from "./encode-secret.ts";

const mostNames = 1000;
/** SPIFFE-ID §2.3: no identity is longer. */
const longestName = 2048;
const longestNode = 1024;
const longestDetail = 1024;

type Request = Pick<DiscoveryRequest__Output, "node" | "typeUrl" | "errorDetail">;

/** The proxy's node.id, which only a stream's first request must carry (S1). Refuses one without or with a long one. */
export function labelOf(first: Request): string {
  const id = first.node?.id ?? "";
  if (id === "") throw invalid("the first request of a stream names its node: node.id is missing");
  if (id.length > longestNode) throw invalid(`node.id is longer than ${longestNode} characters`);
  return id;
}

/**
 * Where the proxy's bootstrap says that its own admin interface is, in `node.metadata`: meshmint.admin. Whoever uses it checks it;
 * undefined where nothing is said.
 */
export function adminSocketOf({ node }: Request): string | undefined {
  const { meshmint } = node?.metadata?.fields ?? {};
  const { admin } = meshmint?.structValue?.fields ?? {};
  return admin && (admin.stringValue ?? "").slice(0, longestNode);
}

export function readSotw(request: DiscoveryRequest__Output): SotwRequest {
  checkType(request);
  checkNames(request.resourceNames);
  return { names: request.resourceNames, nonce: request.responseNonce, refusal: refusalOf(request) };
}

export function readDelta(request: DeltaDiscoveryRequest__Output): DeltaRequest {
  checkType(request);
  const initialVersions = new Map(Object.entries(request.initialResourceVersions));
  for (const names of [request.resourceNamesSubscribe, request.resourceNamesUnsubscribe]) checkNames(names);
  checkNames([...initialVersions.keys()]);
  return {
    subscribe: request.resourceNamesSubscribe,
    unsubscribe: request.resourceNamesUnsubscribe,
    initialVersions,
    nonce: request.responseNonce,
    refusal: refusalOf(request),
  };
}

/** A stream may ask for as many names in all as one request may name. */
export function checkSubscription(names: ReadonlySet<string>): void {
  if (names.size > mostNames) throw invalid(`a stream asks for at most ${mostNames} names`);
}

/** The service has one resource type, so that the field may be left out; any other is an error (S2). */
function checkType({ typeUrl }: Request): void {
  if (typeUrl !== "" && typeUrl !== secretType) throw invalid(`type_url must be ${secretType}`);
}

function checkNames(names: readonly string[]): void {
  if (names.length > mostNames) throw invalid(`a request holds at most ${mostNames} names`);
  if (names.some((name) => name.length > longestName)) {
    throw invalid(`a resource name is at most ${longestName} characters long`);
  }
}

/** error_detail makes a NACK, whatever is in it (S5). */
const refusalOf = ({ errorDetail }: Request): string | undefined =>
  errorDetail ? `${errorDetail.code}: ${errorDetail.message.slice(0, longestDetail)}` : undefined;

const invalid = (sentence: string): Fault => new Fault("INVALID_ARGUMENT", sentence);
