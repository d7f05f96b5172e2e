import { X509Certificate } from "node:crypto";
import { EventEmitter } from "node:events";
import type { ServerSurfaceCall } from "@grpc/grpc-js/build/src/server-call.js";
import { afterEach, expect, test, vi } from "vitest";
import type { TrustDomain } from "../../src/domain/identity/trust-domain.ts";
import { nodeStream } from "../../src/protocols/node/node-stream.ts";
import { OpensslCa } from "../parts/openssl-ca.ts";

const agent = "spiffe://mesh.test/meshmint/agent/join_token/n1";
const ca = new OpensslCa();
const raw = new X509Certificate(ca.leaf(agent, 1).certificate).raw;
ca.remove();

/** A call on a connection that verified this certificate when it began. */
class OpenCall extends EventEmitter {
  readonly ended: { code: number; details: string }[] = [];
  getAuthContext = () => ({ sslPeerCertificate: { raw } });

  constructor() {
    super();
    this.on("error", (error) => this.ended.push(error));
  }
}

const serve = () => {
  const call = new OpenCall();
  const served: string[] = [];
  const gate = { admits: () => true, onExpelled: () => () => undefined };
  const deps = { trustDomain: "mesh.test" as TrustDomain, gate };
  nodeStream(call as unknown as ServerSurfaceCall, deps, (id) => served.push(id));
  return { call, served };
};

afterEach(() => void vi.useRealTimers());

test("a stream ends when the node SVID of its connection expires", () => {
  vi.useFakeTimers({ now: Date.now() });
  const { call, served } = serve();
  expect(served).toEqual([agent]);
  vi.advanceTimersByTime(86_000_000);
  expect(call.ended).toEqual([]);
  vi.advanceTimersByTime(400_001);
  expect(call.ended).toMatchObject([{ code: 7, details: expect.stringContaining("expired") }]);
});

test("a connection that outlived its certificate opens no more streams, and an ended stream leaves no timer", () => {
  vi.useFakeTimers({ now: Date.now() });
  serve().call.emit("close");
  expect(vi.getTimerCount()).toBe(0);
  vi.advanceTimersByTime(86_400_001);
  const { call, served } = serve();
  expect([served, call.ended.map(({ code }) => code)]).toEqual([[], [7]]);
});
