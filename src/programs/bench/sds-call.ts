import { type ClientHttp2Session, type ClientHttp2Stream, constants } from "node:http2";

export type SdsCallEvents = {
  /** One gRPC message, whole. */
  readonly message: (bytes: Buffer) => void;
  /** Once, when nothing more comes: why, in gRPC's words where there are any. */
  readonly end: (reason: string) => void;
};

const headerBytes = 5;
const longestMessage = 4 << 20; // gRPC's usual limit

/**
 * One streaming gRPC call over HTTP/2, no more than a proxy needs: a channel of a gRPC library for each of thousands of
 * holders would weigh more than what it carries.
 */
export class SdsCall {
  readonly #stream: ClientHttp2Stream;
  readonly #events: SdsCallEvents;
  #unread: Buffer = Buffer.alloc(0);
  #reason = "the stream was closed";
  #isOver = false;

  constructor(session: ClientHttp2Session, path: string, events: SdsCallEvents) {
    this.#events = events;
    this.#stream = session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
    });
    this.#stream.on("response", (headers) => this.#note(headers["grpc-status"], headers["grpc-message"]));
    this.#stream.on("trailers", (headers) => this.#note(headers["grpc-status"], headers["grpc-message"]));
    this.#stream.on("data", (chunk: Buffer) => this.#take(chunk));
    this.#stream.on("error", (error: Error) => this.#over(error.message));
    this.#stream.on("close", () => this.#over(this.#reason));
  }

  send(message: Buffer): void {
    if (this.#isOver) return;
    const header = Buffer.alloc(headerBytes);
    header.writeUInt32BE(message.length, 1);
    this.#stream.write(Buffer.concat([header, message]));
  }

  /** Ends it from this side, without an `end` event. */
  close(): void {
    this.#isOver = true;
    if (!this.#stream.closed) this.#stream.close(constants.NGHTTP2_CANCEL);
  }

  #note(status: unknown, message: unknown): void {
    if (status !== undefined) this.#reason = `status ${status}: ${decodeURIComponent(String(message ?? ""))}`;
  }

  #take(chunk: Buffer): void {
    this.#unread = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk]);
    while (!this.#isOver && this.#unread.length >= headerBytes) {
      const length = this.#unread.readUInt32BE(1);
      if (length > longestMessage || this.#unread[0] !== 0) {
        this.#over(`a message of ${length} bytes, or a compressed one`);
        this.#stream.close(constants.NGHTTP2_PROTOCOL_ERROR);
        return;
      }
      if (this.#unread.length < headerBytes + length) return;
      const message = this.#unread.subarray(headerBytes, headerBytes + length);
      this.#unread = this.#unread.subarray(headerBytes + length);
      this.#events.message(message);
    }
  }

  #over(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#events.end(reason);
  }
}
