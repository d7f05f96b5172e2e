import fc from "fast-check";
import { expect, test } from "vitest";
import { parseSpiffeId, pathOf, trustDomainOf } from "./spiffe-id.ts";
import { parseTrustDomain } from "./trust-domain.ts";

const isId = (text: string): boolean => parseSpiffeId(text).ok;

test.each([
  "",
  "mesh.example/web",
  "https://mesh.example/web",
  "SPIFFE://mesh.example/web",
  "spiffe:/mesh.example/web",
  "spiffe://",
  "spiffe:///web",
  "spiffe://Mesh.example/web",
  "spiffe://me%73h.example/web",
  "spiffe://mesh.example:8443/web",
  "spiffe://user@mesh.example/web",
  "spiffe://mesh.example/web?a=b",
  "spiffe://mesh.example/web#part",
  "spiffe://[::1]/web",
  "spiffe://mésh.example/web",
  "spiffe://mesh.example\n/web",
])("ID1: %j has no scheme and trust domain of a SPIFFE ID", (text) => expect(isId(text)).toBe(false));

test("ID1: lower-case letters, digits, dots, dashes, underscores and IPv4 addresses are trust domains", () => {
  for (const domain of ["mesh.example", "a", "a_b-c.1", "192.0.2.1"]) {
    const id = parseSpiffeId(`spiffe://${domain}/web`);
    expect(id.ok && [trustDomainOf(id.value), pathOf(id.value)]).toEqual([domain, "/web"]);
  }
});

test.each(["/", "/a/", "//a", "/a//b", "/.", "/..", "/a/../b", "/a%2Fb", "/a b", "/ä", "/a\u0000", "/a:b"])(
  "ID2: %j is no path",
  (path) => expect(isId(`spiffe://mesh.example${path}`)).toBe(false),
);

test("ID2: segments of letters, digits, dots, dashes and underscores are a path, and so is none", () => {
  for (const path of ["", "/a", "/A.b-c_9/...", "/.a/b.", "/ns/default/sa/web"]) {
    const id = parseSpiffeId(`spiffe://mesh.example${path}`);
    expect(id.ok && pathOf(id.value)).toBe(path);
  }
});

test("ID3: 2048 bytes are read and one more is not; so with 255 of a trust domain", () => {
  const long = `spiffe://mesh.example/${"a".repeat(2048)}`;
  expect([isId(long.slice(0, 2048)), isId(long.slice(0, 2049))]).toEqual([true, false]);
  expect([parseTrustDomain("a".repeat(255)).ok, parseTrustDomain("a".repeat(256)).ok]).toEqual([true, false]);
});

test("ID4: paths are told apart by case", () => {
  const [lower, upper] = [
    parseSpiffeId("spiffe://mesh.example/web"),
    parseSpiffeId("spiffe://mesh.example/Web"),
  ];
  expect(lower.ok && upper.ok && lower.value !== upper.value).toBe(true);
});

test("whatever the text, what is read is the very text and is made of its two parts", () => {
  const near = fc.string({ unit: fc.constantFrom(..."spife:/.%A?#@ae1-_") });
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        near,
        near.map((rest) => `spiffe://${rest}`),
      ),
      (text) => {
        const id = parseSpiffeId(text);
        if (id.ok) expect(`spiffe://${trustDomainOf(id.value)}${pathOf(id.value)}`).toBe(text);
      },
    ),
  );
});
