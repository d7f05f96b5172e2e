/** Where an issuer's keys come from, and what is done while they cannot be had. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { exportJWK } from "jose";
import { afterEach, beforeEach, expect, test } from "vitest";
import { newSigningKey } from "../../parts/oidc-issuer.ts";
import { shown, TokenRig } from "./token-rig.ts";

let rig: TokenRig;
beforeEach(async () => {
  rig = await TokenRig.open();
});
afterEach(() => rig.close());

const n1 = "spiffe://mesh.test/meshmint/agent/oidc/test/n1";
const minute = 60_000;
const hour = 60 * minute;
const token = (claims: object = {}, wishes: object = {}) =>
  rig.issuer.token({ sub: "n1", exp: Math.floor((Date.now() + 48 * hour) / 1000), ...claims }, wishes);

test("by discovery, with the token that the issuer may ask for; once for many", async () => {
  const attestor = rig.attestor();
  expect(await Promise.all([1, 2, 3].map(() => shown(attestor, token())))).toEqual([n1, n1, n1]);
  expect(rig.issuer.asked).toEqual(["/.well-known/openid-configuration", "/keys"]);
  expect(rig.issuer.bearers).toEqual(["Bearer may-read-keys", "Bearer may-read-keys"]);
});

test("from a URL, and from a file that is replaced", async () => {
  const url = { kind: "url", url: `${rig.issuer.url}/keys` } as const;
  expect(await shown(rig.attestor({ source: url }), token())).toBe(n1);
  expect(rig.issuer.asked).toEqual(["/keys"]);
  const path = join(rig.folder, "keys.json");
  const write = async () =>
    writeFileSync(
      path,
      JSON.stringify({
        keys: [{ ...(await exportJWK(rig.issuer.keys[0]!.publicKey)), kid: rig.issuer.keys[0]!.kid }],
      }),
    );
  await write();
  const attestor = rig.attestor({ source: { kind: "file", path } });
  expect(await shown(attestor, token())).toBe(n1);
  rig.issuer.keys = [await newSigningKey("RS256", "key-2")];
  await write();
  rig.aheadMs = 11_000;
  expect(await shown(attestor, token())).toBe(n1);
});

test("NA5: a new key is found when its first token comes, the issuer asked once in ten seconds whatever is shown", async () => {
  const attestor = rig.attestor();
  expect(await shown(attestor, token())).toBe(n1);
  const stranger = await newSigningKey("ES256", "stranger");
  rig.issuer.keys.push(await newSigningKey("ES256", "key-2"));
  const byNew = () => token({}, { key: rig.issuer.keys[1] });
  expect(await shown(attestor, byNew())).toBe("the issuer has no key for this token");
  rig.aheadMs = 11_000;
  expect(await shown(attestor, byNew())).toBe(n1);
  for (let guess = 0; guess < 20; guess += 1)
    expect(await shown(attestor, token({}, { key: stranger }))).toBe("the issuer has no key for this token");
  expect(rig.issuer.asked.filter((path) => path === "/keys")).toHaveLength(2);
});

test("NA5: a key that is withdrawn counts no more when the keys are fetched anew", async () => {
  const attestor = rig.attestor();
  const old = rig.issuer.keys[0];
  expect(await shown(attestor, token())).toBe(n1);
  rig.issuer.keys = [await newSigningKey("ES256", "key-2")];
  rig.aheadMs = 6 * minute;
  expect(await shown(attestor, token({}, { key: old }))).toBe("the issuer has no key for this token");
});

test("NA5: the last good keys serve while the issuer is down, for so long and no longer", async () => {
  const attestor = rig.attestor();
  expect(await shown(attestor, token())).toBe(n1);
  rig.issuer.fail(503);
  rig.aheadMs = 12 * hour - minute;
  expect(await shown(attestor, token())).toBe(n1);
  expect(rig.events.at(-1)).toMatchObject({
    kind: "keys-away",
    issuer: "test",
    reason: expect.stringContaining("status 503"),
  });
  rig.aheadMs = 12 * hour + minute;
  expect(await shown(attestor, token())).toMatch(/used no longer: .*status 503/);
  rig.issuer.fail(undefined);
  rig.aheadMs += 11_000;
  expect(await shown(attestor, token())).toBe(n1);
});

test.each<[string, (issuer: TokenRig["issuer"]) => void, RegExp]>([
  ["hangs up", (issuer) => issuer.fail(0), /cannot be had: socket hang up/],
  ["sends elsewhere", (issuer) => issuer.fail(302), /status 302/],
  ["answers no keys", (issuer) => void issuer.answers.set("/keys", { keys: [] }), /no RSA or EC key/],
  ["answers nonsense", (issuer) => void issuer.answers.set("/keys", [1]), /no JWK Set/],
  [
    "answers a shared secret",
    (issuer) => void issuer.answers.set("/keys", { keys: [{ kty: "oct", k: "AAAA" }] }),
    /no RSA or EC key/,
  ],
  [
    "answers without end",
    (issuer) => void issuer.answers.set("/keys", "x".repeat(300_000)),
    /more than 262144 bytes/,
  ],
  [
    "answers too many keys",
    (issuer) => void issuer.answers.set("/keys", { keys: Array(101).fill({}) }),
    /more than 100 keys/,
  ],
  [
    "discovers another issuer",
    (issuer) =>
      void issuer.answers.set("/.well-known/openid-configuration", { issuer: "https://evil.example" }),
    /of another issuer/,
  ],
  [
    "discovers keys in the clear",
    (issuer) =>
      void issuer.answers.set("/.well-known/openid-configuration", {
        issuer: issuer.url,
        jwks_uri: "http://localhost/keys",
      }),
    /no https URL/,
  ],
])("NA5: an issuer that %s has no keys, and its nodes are refused", async (_what, break_, reason) => {
  break_(rig.issuer);
  expect(await shown(rig.attestor(), token())).toMatch(reason);
});

test("an issuer whose TLS certificate is under no authority of ours is not listened to", async () => {
  expect(await shown(rig.attestor({ withCa: false }), token())).toMatch(/cannot be had: .*certificate/);
  expect(rig.issuer.asked).toEqual([]);
});
