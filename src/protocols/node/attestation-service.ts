import type { Bundle } from "../../domain/trust/bundle.ts";
import { Fault } from "../../foundation/fault.ts";
import type { AttestationServiceHandlers } from "../../generated/meshmint/node/v1/AttestationService.ts";
import type { AttestRequest__Output } from "../../generated/meshmint/node/v1/AttestRequest.ts";
import { toServiceError } from "../grpc/fault-status.ts";
import { bundleMessage } from "../grpc/trust-messages.ts";
import { signalOf, unary } from "../grpc/unary.ts";
import { type AttestCall, Challenger } from "./ask-challenge.ts";
import { type NodeObserver, tellFailure } from "./failure.ts";
import type { NodeAttestation } from "./ports.ts";
import { svidChainMessage } from "./svid-chain-message.ts";

type Deps = {
  readonly attestation: NodeAttestation;
  readonly bundle: () => Bundle;
  readonly observer: NodeObserver;
};
const startWithinMs = 10_000;

/** Our only service that answers without a client certificate: hands out the public roots and proves new nodes. */
export function attestationService(deps: Deps): AttestationServiceHandlers {
  const challenger = new Challenger();
  return {
    GetTrustBundle: unary(async () => bundleMessage(deps.bundle())),
    Attest: (call) => {
      const fail = (thrown: unknown) => void call.emit("error", toServiceError(thrown));
      // Nobody is known here yet: a caller that only holds streams open is sent away.
      const late = setTimeout(() => {
        call.off("data", begin); // what comes now gets no answer, and must not use up its proof
        fail(new Fault("DEADLINE_EXCEEDED", "attestation did not begin in time"));
      }, startWithinMs);
      const begin = (request: AttestRequest__Output) => {
        clearTimeout(late);
        attest({ ...deps, challenger }, call, request).catch((thrown) =>
          fail(tellFailure(deps.observer, "Attest", thrown)),
        );
      };
      call.once("data", begin);
      call.once("cancelled", () => clearTimeout(late));
      call.once("close", () => clearTimeout(late));
    },
  };
}

type AttestDeps = Deps & { readonly challenger: Challenger };

async function attest(deps: AttestDeps, call: AttestCall, { start }: AttestRequest__Output): Promise<void> {
  if (!start) throw new Fault("INVALID_ARGUMENT", "attestation begins with the start step");
  const claim = {
    attestor: start.attestor,
    payload: start.payload,
    csr: start.csrDer,
    source: sourceOf(call),
    challenge: (challenge: Uint8Array, signal: AbortSignal) => deps.challenger.ask(call, challenge, signal),
  };
  const outcome = await deps.attestation.attest(claim, signalOf(call));
  if (!outcome.ok) {
    if (outcome.error.code === "retry") {
      const { retryAfterMs } = outcome.error;
      throw new Fault("QUEUE_FULL", "too many attestations; try again later", { retryAfterMs });
    }
    throw new Fault(
      "ATTESTATION_FAILED",
      "this node could not be attested; the server's audit log has the reason",
    );
  }
  call.write({ result: { svid: svidChainMessage(outcome.value), bundle: bundleMessage(deps.bundle()) } });
  call.end();
}

/** The address without its port, so that one host is one source. */
const sourceOf = (call: AttestCall): string => call.getPeer().replace(/:\d+$/, "");
