import fc from "fast-check";
import { expect, test } from "vitest";
import { attestorOf, selectorFlaws, selectorKind } from "./selector.ts";

test.each([
  "unix:group:www-data",
  "unix:supplementary_gid:27",
  "systemd:id:web.service",
  "systemd:id:shop@7.service",
  String.raw`systemd:id:foo-bar@a\x2db.scope`,
  "systemd:fragment_path:/etc/systemd/system/web.service",
  "k8s:ns:kube-system",
  "k8s:sa:default",
  "k8s:sa:build.robot",
  "k8s:pod-name:web-7d9c5b6f8-x2x7k",
  "k8s:pod-uid:2c48913c-b29f-11e7-9350-020968147796",
  "k8s:pod-uid:a3b9c1d2e4f5061728394a5b6c7d8e9f",
  "k8s:pod-label:app:web",
  "k8s:pod-label:app.kubernetes.io/part-of:Shop_1.0",
  "k8s:pod-label:tier:",
  "k8s:pod-owner:ReplicaSet:web-7d9c5b6f8",
  "k8s:pod-owner-uid:Job:1b3c5d7e-0000-4000-8000-000000000003",
  "k8s:container-name:web",
  `k8s:container-image:registry.example:5000/shop/web@sha256:${"5f".repeat(32)}`,
  "k8s:pod-image-count:2",
  "k8s:node-name:node-1.example",
])("%s is a selector", (selector) => {
  expect(selectorFlaws([selector])).toEqual([]);
});

test.each([
  "unix:supplementary_gid:wheel",
  "unix:group:a b",
  "systemd:id:web",
  "systemd:id:system.slice",
  "systemd:id:../web.service",
  "systemd:id:-web/x.service",
  `systemd:id:${"a".repeat(250)}.service`,
  "systemd:fragment_path:web.service",
  "k8s:ns:Shop",
  "k8s:ns:",
  "k8s:sa:-web",
  "k8s:pod-uid:2C48913C-B29F-11E7-9350-020968147796",
  "k8s:pod-label:app",
  "k8s:pod-label::web",
  "k8s:pod-label:app:web shop",
  "k8s:pod-label:app:a:b",
  "k8s:pod-label:a/b/c:d",
  "k8s:pod-owner:ReplicaSet",
  "k8s:container-image:web 1",
  "k8s:pod-image-count:-1",
  "k8s:label:app:web",
  "docker:label:a:b",
])("%j is refused", (selector) => {
  expect(selectorFlaws([selector])).toHaveLength(1);
});

test("what is not known is answered with all that is", () => {
  const [flaw = ""] = selectorFlaws(["k8s:namespace:shop"]);
  for (const kind of ["unix:uid:…", "systemd:id:…", "k8s:ns:…", "k8s:container-image:…"])
    expect(flaw).toContain(kind);
});

test.each([
  [["k8s:ns:a", "k8s:ns:b"], 1],
  [["k8s:pod-label:app:a", "k8s:pod-label:app:b"], 1],
  [["k8s:pod-label:app:a", "k8s:pod-label:tier:a"], 0],
  [["unix:supplementary_gid:4", "unix:supplementary_gid:27"], 0],
  [["unix:supplementary_gid:4", "unix:supplementary_gid:4"], 1],
  [["k8s:container-image:a:1", `k8s:container-image:a@sha256:${"5f".repeat(32)}`], 0],
  [["unix:gid:4", "unix:supplementary_gid:4"], 0],
])("%j: selectors that no process has together", (selectors, flaws) => {
  expect(selectorFlaws(selectors)).toHaveLength(flaws);
});

test("a selector is its attestor, its kind and its value", () => {
  expect([selectorKind("k8s:pod-label:app:web"), attestorOf("k8s:pod-label:app:web")]).toEqual([
    "k8s:pod-label",
    "k8s",
  ]);
  expect([selectorKind("unix"), attestorOf("unix"), selectorKind("")]).toEqual(["", "", ""]);
});

test("whatever the value, a rule answers soon", () => {
  const kinds = [
    "unix:path",
    "systemd:id",
    "k8s:ns",
    "k8s:sa",
    "k8s:pod-label",
    "k8s:pod-owner",
    "k8s:container-image",
  ];
  const value = fc.oneof(
    fc.string(),
    fc
      .tuple(fc.constantFrom("a", "a.", "a-", "a/", "\\"), fc.integer({ min: 0, max: 4000 }))
      .map(([unit, count]) => unit.repeat(count)),
  );
  fc.assert(
    fc.property(fc.constantFrom(...kinds), value, (kind, text) => {
      const began = performance.now();
      selectorFlaws([`${kind}:${text}`]);
      expect(performance.now() - began).toBeLessThan(500);
    }),
    { numRuns: 200 },
  );
});
