import { expect, test } from "vitest";
import { endpointTarget } from "./endpoint.ts";

test.each([
  ["unix:///run/meshmint/agent.sock", "unix:/run/meshmint/agent.sock"],
  ["unix:/run/agent.sock", "unix:/run/agent.sock"],
  ["tcp://127.0.0.1:8000", "ipv4:127.0.0.1:8000"],
  ["tcp://[::1]:8000", "ipv6:[::1]:8000"],
])("E4: %s is an endpoint, named or in the environment", (text, target) => {
  expect(endpointTarget(text, {})).toBe(target);
  expect(endpointTarget(undefined, { SPIFFE_ENDPOINT_SOCKET: text })).toBe(target);
});

test.each([
  "unix:relative.sock",
  "unix://host/path.sock",
  "unix:///run/agent.sock?x=1",
  "unix:///",
  "tcp://localhost:8000",
  "tcp://127.0.0.1:8000/path",
  "tcp://127.0.0.1",
  "tcp://127.0.0.1:0",
  "tcp://user@127.0.0.1:80",
  "http://127.0.0.1:80",
  "/run/agent.sock",
])("E4: %s is none", (text) => {
  expect(() => endpointTarget(text, {})).toThrow(/write unix:\/\/\/absolute\/path, or tcp:\/\/IP:PORT/);
});

test("E4: without any the remedy is named", () => {
  expect(() => endpointTarget(undefined, {})).toThrow(/set SPIFFE_ENDPOINT_SOCKET/);
  expect(() => endpointTarget(undefined, { SPIFFE_ENDPOINT_SOCKET: "" })).toThrow(
    /set SPIFFE_ENDPOINT_SOCKET/,
  );
});
