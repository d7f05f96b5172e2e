import { expect, test } from "vitest";
import { parseSecretName } from "./secret-name.ts";

test.each([
  ["default", { asks: "default-leaf" }],
  ["ROOTCA", { asks: "own-roots" }],
  ["ALL", { asks: "all-bundles" }],
  ["spiffe://mesh.example", { asks: "bundle", trustDomain: "mesh.example" }],
  ["spiffe://mesh.example/web", { asks: "leaf", id: "spiffe://mesh.example/web" }],
  ["", undefined],
  ["*", undefined],
  ["rootca", undefined],
  ["spiffe://mesh.example/", undefined],
])("%j", (name, meaning) => {
  expect(parseSecretName(name)).toEqual(meaning);
});
