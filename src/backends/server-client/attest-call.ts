import type { Attestation } from "../../agent/node/node-attestation.ts";
import type { Proof } from "../../agent/node/node-proof.ts";
import type { Der } from "../../domain/certificate/der.ts";
import type { TrustDomain } from "../../domain/identity/trust-domain.ts";
import { asFault, Fault } from "../../foundation/fault.ts";
import type { AttestationServiceClient } from "../../generated/meshmint/node/v1/AttestationService.ts";
import type { AttestReply__Output } from "../../generated/meshmint/node/v1/AttestReply.ts";
import type { AttestResult__Output } from "../../generated/meshmint/node/v1/AttestResult.ts";
import { AttestationService } from "../../wire/node-api.ts";
import { cancelOn, faultOf } from "./call-failure.ts";
import { readBundle, readChain } from "./read-messages.ts";
import { channelOptions, type ServerAddress, targetOf, verifiedTls } from "./tls.ts";

export type AttestOrder = {
  readonly address: ServerAddress;
  readonly trustDomain: TrustDomain;
  /** Only a server under one of these is shown the proof. */
  readonly trusted: { readonly roots: readonly Der[]; readonly lists: readonly Der[] };
  readonly attestor: string;
  readonly proof: Proof;
  readonly csr: Der;
  /** What a refusal may mean and what to do, for whoever reads the log. */
  readonly refusal: string;
};

/** One attestation, over a connection of its own. Rejects with ATTESTATION_FAILED when it is refused. */
export async function attestOnce(
  order: AttestOrder,
  signal: AbortSignal,
): Promise<Omit<Attestation, "spiffeId">> {
  const { address, trustDomain, trusted } = order;
  const channel = verifiedTls({ trustDomain, ...trusted });
  const client = new AttestationService(targetOf(address), channel, channelOptions);
  try {
    const result = await converse(client, order, signal);
    const issued = readChain(result.svid ?? null);
    if (!result.bundle)
      throw new Fault("SERVER_UNAVAILABLE", "the server attested without sending its bundle");
    const bundle = readBundle(result.bundle, trustDomain);
    if (!bundle.ok) throw new Fault("ATTESTATION_FAILED", `the server sent ${bundle.error}`);
    return { issued, bundle: bundle.value };
  } finally {
    client.close();
  }
}

/** The stream stays open on our side until the result is here: there may be a challenge, once. */
function converse(
  client: AttestationServiceClient,
  { attestor, proof, csr, refusal }: AttestOrder,
  signal: AbortSignal,
): Promise<AttestResult__Output> {
  return new Promise((resolve, reject) => {
    const call = client.Attest();
    const release = cancelOn(signal, call);
    let answer = proof.answer;
    const fail = (fault: unknown) => {
      release();
      reject(signal.aborted ? signal.reason : fault);
    };
    call.on("data", ({ result, challenge }: AttestReply__Output) => {
      if (result) return resolve(result);
      try {
        if (!challenge || !answer)
          throw new Fault("ATTESTATION_FAILED", `the server asks what attestor ${attestor} has no answer to`);
        const challengeResponse = Buffer.from(answer(challenge));
        answer = undefined;
        call.write({ challengeResponse });
      } catch (thrown) {
        fail(asFault(thrown));
        call.cancel();
      }
    });
    call.on("error", (error: unknown) => fail(attestationFault(error, refusal)));
    call.on("end", () =>
      fail(new Fault("SERVER_UNAVAILABLE", "the server ended the attestation unanswered")),
    );
    call.write({ start: { attestor, payload: Buffer.from(proof.payload), csrDer: Buffer.from(csr) } });
  });
}

function attestationFault(error: unknown, refusal: string): Fault {
  const fault = faultOf(error);
  if (fault.code !== "PERMISSION_DENIED") return fault;
  return new Fault("ATTESTATION_FAILED", refusal, { cause: error });
}
