import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import type { ProcessIdentity } from "../../../src/domain/identity/process-identity.ts";
import { seconds } from "../../../src/foundation/duration.ts";
import { parseUnixPeer } from "../../../src/protocols/grpc/unix-peer.ts";
import { FakeSecretSource } from "../../fakes/fake-secret-source.ts";
import { type SdsServer, startSds } from "../../parts/sds-server.ts";
import { Material } from "./material.ts";
import { ModelClient } from "./model-client.ts";

type Running = {
  source: FakeSecretSource;
  sds: SdsServer;
  client: ModelClient;
  material: Material;
  /** Whom the server takes new streams to come from; undefined: who they really come from. */
  caller: ProcessIdentity | undefined;
};

/** A server, a source and a client for each test, in `running` while it runs; refused content waits one second here. */
export function eachWithServer(): Running {
  const running = {} as Running;
  beforeAll(() => {
    running.material = new Material();
  });
  beforeEach(async () => {
    running.source = new FakeSecretSource();
    running.caller = undefined;
    running.sds = await startSds({
      source: running.source,
      callerOf: (peer) => running.caller ?? parseUnixPeer(peer),
      patience: { offerAgain: seconds(1), holdLeaf: seconds(2), forget: seconds(3) },
    });
    running.client = new ModelClient(running.sds.path);
  });
  afterEach(async () => {
    running.client.close();
    await running.sds.close();
  });
  afterAll(() => running.material.remove());
  return running;
}

/** The events that a source was told, as short texts. */
export const told = (source: FakeSecretSource): string[] =>
  source.events.map(({ kind, name }) => `${kind} ${name}`);
