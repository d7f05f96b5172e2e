import { expect, test } from "vitest";
import { hours, seconds } from "../../foundation/duration.ts";
import type { SpiffeId } from "../identity/spiffe-id.ts";
import { chooseTtl, defaultProfiles, idFlaw, leafProfile, type ProfileName } from "./profile.ts";

test("the version names the content", () => {
  const profile = leafProfile("workload", hours(1), hours(24));
  expect(profile).toEqual(defaultProfiles.workload);
  expect(leafProfile("workload", hours(2), hours(24)).version).not.toBe(profile.version);
  expect(leafProfile("node", hours(1), hours(24)).version).not.toBe(profile.version);
});

test("lifetimes that contradict each other are a configuration's mistake", () => {
  expect(() => leafProfile("workload", hours(2), hours(1))).toThrow();
  expect(() => leafProfile("workload", seconds(0), hours(1))).toThrow();
});

test("0 asks for the default, and the cap is the cap", () => {
  const { workload } = defaultProfiles;
  expect(chooseTtl(workload, seconds(0))).toEqual({ ok: true, value: workload.defaultTtl });
  expect(chooseTtl(workload, workload.ttlCap).ok).toBe(true);
  expect(chooseTtl(workload, seconds(workload.ttlCap + 1)).ok).toBe(false);
});

test.each<[ProfileName, string, boolean]>([
  ["workload", "/ns/default/sa/web", true],
  ["workload", "/meshmint-like", true],
  ["workload", "/meshmint", false],
  ["workload", "/meshmint/server", false],
  ["workload", "/meshmint/agent/join_token/n", false],
  ["workload", "", false],
  ["node", "/meshmint/agent/join_token/n", true],
  ["node", "/meshmint/agent/n", false],
  ["node", "/meshmint/server", false],
  ["node", "/web", false],
  ["server", "/meshmint/server", true],
  ["server", "/meshmint/server/x", false],
])("a %s may bear %j: %s", (profile, path, may) => {
  expect(idFlaw(profile, `spiffe://mesh.test${path}` as SpiffeId) === undefined).toBe(may);
});
