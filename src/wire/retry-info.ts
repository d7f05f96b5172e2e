import { fileURLToPath } from "node:url";
import { loadSync, type MessageTypeDefinition } from "@grpc/proto-loader";

/** protobufjs has its own `Any`, whose field is not renamed. */
type Any = { readonly type_url: string; readonly value: Uint8Array };
type Status = { readonly code: number; readonly message: string; readonly details: readonly Any[] };
type RetryInfo = { readonly retryDelay: { readonly seconds: string; readonly nanos: number } | null };

const googleApis = fileURLToPath(new URL("../../deps/googleapis", import.meta.resolve("@grpc/grpc-js-xds")));
const definitions = loadSync(["google/rpc/status.proto", "google/rpc/error_details.proto"], {
  longs: String,
  defaults: true,
  includeDirs: [googleApis],
});
const messageOf = <Message>(name: string): MessageTypeDefinition<Message, Message> =>
  definitions[name] as unknown as MessageTypeDefinition<Message, Message>;
const status = messageOf<Status>("google.rpc.Status");
const retryInfo = messageOf<RetryInfo>("google.rpc.RetryInfo");
const retryInfoUrl = "type.googleapis.com/google.rpc.RetryInfo";
const mostDetailBytes = 8192;

/** The trailer that carries a status's details, by gRPC's convention for richer errors. */
export const statusDetailsKey = "grpc-status-details-bin";

/** A google.rpc.Status with one RetryInfo, as that trailer's value. */
export function encodeRetryInfo(code: number, message: string, retryAfterMs: number): Buffer {
  const seconds = String(Math.floor(retryAfterMs / 1000));
  const nanos = Math.round((retryAfterMs % 1000) * 1_000_000);
  const value = retryInfo.serialize({ retryDelay: { seconds, nanos } });
  return status.serialize({ code, message, details: [{ type_url: retryInfoUrl, value }] });
}

/** The delay that such a trailer names, in milliseconds; undefined for any other bytes. */
export function decodeRetryInfo(trailer: Uint8Array): number | undefined {
  if (trailer.length > mostDetailBytes) return undefined;
  try {
    const { details } = status.deserialize(Buffer.from(trailer));
    const found = details.find((any) => any.type_url === retryInfoUrl);
    const delay = found && retryInfo.deserialize(Buffer.from(found.value)).retryDelay;
    if (!delay) return undefined;
    const ms = Number(delay.seconds) * 1000 + delay.nanos / 1_000_000;
    return ms >= 0 ? ms : undefined;
  } catch {
    return undefined; // bytes of another kind name no delay
  }
}
