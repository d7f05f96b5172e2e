import type { Server, ServerWritableStream } from "@grpc/grpc-js";
import { fromHex, toHex } from "../../domain/certificate/hex.ts";
import { Fault } from "../../foundation/fault.ts";
import type { DescribeKeyRequest__Output } from "../../generated/meshmint/signer/v1/DescribeKeyRequest.ts";
import type { GetStatusRequest__Output } from "../../generated/meshmint/signer/v1/GetStatusRequest.ts";
import type { HsmEventList } from "../../generated/meshmint/signer/v1/HsmEventList.ts";
import type { JournalPage } from "../../generated/meshmint/signer/v1/JournalPage.ts";
import type { KeyDescription } from "../../generated/meshmint/signer/v1/KeyDescription.ts";
import type { KeyPage } from "../../generated/meshmint/signer/v1/KeyPage.ts";
import type { ListEventsRequest__Output } from "../../generated/meshmint/signer/v1/ListEventsRequest.ts";
import type { ListKeysRequest__Output } from "../../generated/meshmint/signer/v1/ListKeysRequest.ts";
import type { ReadJournalRequest__Output } from "../../generated/meshmint/signer/v1/ReadJournalRequest.ts";
import type { SignerServiceHandlers } from "../../generated/meshmint/signer/v1/SignerService.ts";
import type { SignerStatus } from "../../generated/meshmint/signer/v1/SignerStatus.ts";
import { SignerService } from "../../wire/signer-api.ts";
import { toServiceError } from "../grpc/fault-status.ts";
import { signalOf, unary } from "../grpc/unary.ts";
import type { KeeperEvents, KeeperLine, KeyKeeper, KeyLister } from "./key-keeper.ts";
import { keyIdBytes, serveSignStream } from "./sign-stream.ts";

/** Sign streams last for as long as their callers: whoever stops the server ends them. */
export type SignerStreams = { finish(): void };

/**
 * Adds the signer's service to a gRPC server (proto/meshmint/v1/signer_api.proto). Who may connect is for the listener to
 * say; everybody who is connected may ask everything, since no answer contains a secret and every signature has its grammar.
 */
export function addSignerService(server: Server, keeper: KeyKeeper & KeyLister): SignerStreams {
  const open = new Set<() => void>();
  const handlers: SignerServiceHandlers = {
    Sign: (call) => {
      const finish = serveSignStream(call, keeper);
      open.add(finish);
      for (const over of ["cancelled", "finish"]) call.on(over, () => open.delete(finish));
    },
    DescribeKey: unary<DescribeKeyRequest__Output, KeyDescription>(async ({ request }) =>
      describe(request, keeper),
    ),
    GetStatus: unary<GetStatusRequest__Output, SignerStatus>(async () => {
      const { journalLines, latencyCounts, ...status } = keeper.status();
      return { ...status, latencyCounts: [...latencyCounts], journalLines: journalLines.toString() };
    }),
    ListEvents: unary<ListEventsRequest__Output, HsmEventList>(async ({ request }) => {
      const { instance, afterSequence } = request;
      const found = keeper.events({ instance, sequence: Number(afterSequence) });
      return { instance: found.instance, events: found.events.map(eventMessage) };
    }),
    ListKeys: unary<ListKeysRequest__Output, KeyPage>(async ({ request }) => keyPage(request, keeper)),
    ReadJournal: (call) => void streamJournal(call, keeper),
  };
  server.addService(SignerService.service, handlers);
  return {
    finish() {
      for (const finish of open) finish();
    },
  };
}

function describe(request: DescribeKeyRequest__Output, keeper: KeyKeeper): KeyDescription {
  if (request.keyId.length !== keyIdBytes) {
    throw new Fault("INVALID_ARGUMENT", `a key id has ${keyIdBytes} bytes, not ${request.keyId.length}`);
  }
  const found = keeper.describe(toHex(request.keyId));
  if (found === undefined) return { found: false, keyId: request.keyId };
  return {
    found: true,
    keyId: request.keyId,
    label: found.label,
    tokenLabel: found.tokenLabel,
    purpose: "PURPOSE_LEAF",
    spkiDer: Buffer.from(found.spki),
    certificateDer: Buffer.from(found.certificate),
  };
}

function keyPage({ after }: ListKeysRequest__Output, keeper: KeyLister): KeyPage {
  const place = after === null ? undefined : { keyId: toHex(after.keyId), label: after.label };
  const { keys, more } = keeper.listKeys(place);
  return {
    more,
    keys: keys.map(({ keyId, label, certificate, flaw }) => ({
      keyId: bufferOfHex(keyId),
      label,
      certificateDer: Buffer.from(certificate ?? []),
      flaw,
    })),
  };
}

async function streamJournal(
  call: ServerWritableStream<ReadJournalRequest__Output, JournalPage>,
  keeper: KeyKeeper,
): Promise<void> {
  const signal = signalOf(call);
  try {
    for await (const lines of keeper.readJournal(BigInt(call.request.fromSequence), signal)) {
      const roomLeft = call.write({ lines: lines.map(lineMessage) });
      if (!roomLeft) await drained(call, signal);
    }
    call.end();
  } catch (thrown) {
    if (!signal.aborted) call.emit("error", toServiceError(thrown));
  }
}

const eventMessage = ({ at, keyId, ...event }: KeeperEvents["events"][number]) => ({
  ...event,
  atMs: at.getTime(),
  keyId: bufferOfHex(keyId),
});

const lineMessage = ({ sequence, keyId, tbsSha256 }: KeeperLine) => ({
  sequence: sequence.toString(),
  keyId: bufferOfHex(keyId),
  tbsSha256: bufferOfHex(tbsSha256),
});

const bufferOfHex = (text: string): Buffer => Buffer.from(fromHex(text) ?? new Uint8Array());

function drained(
  call: { once(event: "drain", listener: () => void): unknown },
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(signal.reason);
    signal.addEventListener("abort", giveUp, { once: true });
    call.once("drain", () => {
      signal.removeEventListener("abort", giveUp);
      resolve();
    });
  });
}
