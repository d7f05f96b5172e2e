import { expect } from "vitest";
import { Envoy } from "../parts/envoy.ts";
import { mtlsListener, plainListener, sdsCluster } from "../parts/envoy-bootstrap.ts";
import { needs } from "../parts/parts.ts";

needs("envoy")("starts on ephemeral ports, answers admin questions, and is gone after stop", async () => {
  const use = { api: "GRPC", leaf: "default", validation: "ROOTCA" } as const;
  const envoy = await Envoy.start({
    node: { id: "runner", cluster: "test" },
    static_resources: {
      listeners: [mtlsListener("in", "hello", use), plainListener("out", "sds")],
      clusters: [sdsCluster("/nonexistent.sock")],
    },
  });
  try {
    expect(await envoy.port("out")).toBeGreaterThan(0);
    expect(await envoy.leaves()).toEqual([]);
    expect(await envoy.stat("server.live")).toBe(1);
  } finally {
    await envoy.stop();
  }
  expect(() => process.kill(envoy.pid, 0)).toThrow("ESRCH");
});

needs("envoy")("says what is wrong with a bootstrap", async () => {
  await expect(Envoy.start({ static_resources: { nonsense: [] } })).rejects.toThrow(/exited.*nonsense/s);
});
