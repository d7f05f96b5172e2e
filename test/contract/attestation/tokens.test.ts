/** Tokens of OIDC issuers and Kubernetes, rule by rule, with a real issuer over https. */
import { type JWTPayload, SignJWT } from "jose";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { claimRuleFlaw, parseClaimPath } from "../../../src/domain/attestation/claims.ts";
import { kubernetesFlaw } from "../../../src/domain/attestation/kubernetes-claims.ts";
import { newSigningKey, podClaims } from "../../parts/oidc-issuer.ts";
import { shown, TokenRig } from "./token-rig.ts";

let rig: TokenRig;
beforeEach(async () => {
  rig = await TokenRig.open();
});
afterEach(() => rig.close());

const n1 = "spiffe://mesh.test/meshmint/agent/oidc/test/n1";
const template = "{sub}";
const nowSeconds = () => Math.floor(Date.now() / 1000);

test.each(["RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512"])(
  "NA4: a token signed with %s is taken, again and again, for one and the same node",
  async (alg) => {
    rig.issuer.keys = [await newSigningKey(alg, "k")];
    const attestor = rig.attestor({ template });
    const token = await rig.issuer.token({ sub: "n1" });
    expect(await shown(attestor, token)).toBe(n1);
    expect(await shown(attestor, token)).toBe(n1);
  },
);

describe("NA4: refused is a token", () => {
  const base64 = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const unsigned = (alg: string) =>
    `${base64({ alg })}.${base64({ iss: rig.issuer.url, aud: "meshmint", sub: "n1" })}.`;

  test("without a signature, with a shared secret's, or with EdDSA's", async () => {
    const attestor = rig.attestor();
    for (const alg of ["none", "NONE", "HS256", "EdDSA", "Ed25519", "RS1", "constructor"])
      expect(await shown(attestor, unsigned(alg))).toBe(`the token's algorithm "${alg}" is not accepted`);
    const secret = new TextEncoder().encode("x".repeat(64));
    const hmac = new SignJWT({ iss: rig.issuer.url }).setProtectedHeader({ alg: "HS512" }).sign(secret);
    expect(await shown(attestor, hmac)).toMatch(/algorithm "HS512" is not accepted/);
    expect(rig.issuer.asked).toEqual([]);
  });

  test.each<[string, object, RegExp]>([
    ["for another audience", { aud: ["other"] }, /claim aud/],
    ["without an audience", { aud: undefined }, /claim aud/],
    ["that has expired", { exp: nowSeconds() - 31 }, /expired \(exp\)/],
    ["without an expiry", { exp: undefined }, /claim exp/],
    ["that is not valid yet", { nbf: nowSeconds() + 3600 }, /claim nbf/],
    ["issued in the future", { iat: nowSeconds() + 3600 }, /in the future \(iat\)/],
    ["that says not when it was issued", { iat: undefined }, /claim iat/],
    [
      "of an issuer that is not trusted",
      { iss: "https://evil.example" },
      /issuer "https:\/\/evil\.example" is not trusted/,
    ],
    ["of no issuer", { iss: undefined }, /names no issuer/],
    ["whose subject does not fit into an ID", { sub: "a/../b" }, /does not fit into a SPIFFE ID/],
    ["whose subject goes up", { sub: ".." }, /dot segments/],
    ["without the claim that names the node", { sub: undefined }, /no one value for \{sub\}/],
  ])("%s", async (_what, claims, reason) => {
    expect(await shown(rig.attestor(), rig.issuer.token({ sub: "n1", ...claims }))).toMatch(reason);
  });

  test("a clock that differs a little is borne", async () => {
    expect(await shown(rig.attestor(), rig.issuer.token({ sub: "n1", exp: nowSeconds() - 20 }))).toBe(n1);
    expect(await shown(rig.attestor(), rig.issuer.token({ sub: "n1", iat: nowSeconds() + 20 }))).toBe(n1);
  });

  test("by another's key under a known name, or bent on the way", async () => {
    const attestor = rig.attestor();
    const other = await newSigningKey("ES256", "key-1");
    expect(await shown(attestor, rig.issuer.token({ sub: "n1" }, { key: other }))).toMatch(
      /signature verification failed/,
    );
    const [head, , signature] = (await rig.issuer.token({ sub: "n1" })).split(".");
    const bent = base64({
      iss: rig.issuer.url,
      aud: "meshmint",
      sub: "n2",
      iat: nowSeconds(),
      exp: nowSeconds() + 60,
    });
    expect(await shown(attestor, `${head}.${bent}.${signature}`)).toMatch(/signature verification failed/);
  });

  test("with an algorithm that is not its key's", async () => {
    const key = await newSigningKey("RS256", "k");
    rig.issuer.keys = [key];
    const token = rig.issuer.token(
      { sub: "n1" },
      { key: { ...(await newSigningKey("PS256", "k")), alg: "PS256" } },
    );
    expect(await shown(rig.attestor(), token)).toMatch(/no key for this token|does not verify/);
  });

  test("that asks for extensions which nobody knows", async () => {
    const header = { crit: ["b64"], b64: true };
    expect(await shown(rig.attestor(), rig.issuer.token({ sub: "n1" }, { header }))).toMatch(
      /^spiffe:|does not verify/,
    );
    const token = (await rig.issuer.token({ sub: "n1" })).split(".");
    const odd = `${base64({ alg: "ES256", kid: "key-1", crit: ["x"], x: 1 })}.${token[1]}.${token[2]}`;
    expect(await shown(rig.attestor(), odd)).toMatch(/does not verify/);
  });

  test.each([
    ["", /no JWT/],
    ["a.b", /no JWT/],
    ["a.b.c.d", /no JWT/],
    ["a.b.c", /no JSON object/],
    ["é.b.c", /no JWT/],
  ])("that is none: %j", async (text, reason) => {
    expect(await shown(rig.attestor(), text)).toMatch(reason);
  });

  test("of more than 16 KiB", async () => {
    expect(await shown(rig.attestor(), rig.issuer.token({ pad: "x".repeat(20_000) }))).toMatch(
      /longer than 16384/,
    );
  });
});

describe("claim rules", () => {
  const claimsFlaw = (rule: object) => (claims: object) => {
    const path = parseClaimPath("https:~1~1example.com/role");
    if (!path.ok) throw new Error(path.error);
    return claimRuleFlaw([{ claim: path.value, ...rule } as never], claims as never);
  };
  test.each<[object, unknown, boolean]>([
    [{ equals: "node" }, "node", true],
    [{ equals: "node" }, "nodes", false],
    [{ equals: true }, true, true],
    [{ equals: true }, "true", false],
    [{ equals: 7 }, 7, true],
    [{ oneOf: ["a", "b"] }, "b", true],
    [{ oneOf: ["a", "b"] }, ["x", "b"], true],
    [{ oneOf: ["a", "b"] }, "c", false],
    [{ oneOf: ["a"] }, { a: 1 }, false],
    [{ startsWith: "node-" }, "node-1", true],
    [{ startsWith: "node-" }, "xnode-1", false],
    [{ startsWith: "node-" }, undefined, false],
  ])("%j of %j: %s", async (rule, role, isTaken) => {
    const attestor = rig.attestor({ template, claimsFlaw: claimsFlaw(rule) });
    const found = await shown(attestor, rig.issuer.token({ sub: "n1", "https://example.com": { role } }));
    expect(found).toBe(isTaken ? n1 : "the claim https://example.com/role is not as its rule asks");
  });

  test.each(["", "/sub", "a//b", "a/", "~2", "a/b/c/d/e/f/g/h/i"])("%j is no claim", (text) => {
    expect(parseClaimPath(text).ok).toBe(false);
  });
});

describe("NA6: a projected token of Kubernetes", () => {
  const attestor = () =>
    rig.attestor({
      attestor: "k8s_psat",
      template: "{kubernetes.io/node/name}",
      claimsFlaw: (claims) => kubernetesFlaw(claims, ["meshmint:agent"]),
    });
  const inside = (change: object) => ({
    "kubernetes.io": { ...(podClaims("n1")["kubernetes.io"] as object), ...change },
  });

  test("names its node", async () => {
    const id = "spiffe://mesh.test/meshmint/agent/k8s_psat/test/worker-1.example";
    expect(await shown(attestor(), rig.issuer.token(podClaims("worker-1.example")))).toBe(id);
  });

  test.each<[string, JWTPayload, RegExp]>([
    ["of another service account", podClaims("n1", "meshmint", "other"), /meshmint:other may not/],
    ["of another namespace", podClaims("n1", "default"), /default:agent may not/],
    [
      "whose subject is another",
      { ...podClaims("n1"), sub: "system:serviceaccount:meshmint:other" },
      /subject is not/,
    ],
    ["of no pod", { ...podClaims("n1"), ...inside({ pod: undefined }) }, /not bound to a pod/],
    [
      "of no node (before Kubernetes 1.32)",
      { ...podClaims("n1"), ...inside({ node: undefined }) },
      /names no node/,
    ],
    ["of nobody in Kubernetes", { sub: "n1" }, /no Kubernetes service account/],
    [
      "whose claims are of other types",
      { ...podClaims("n1"), ...inside({ namespace: ["meshmint"] }) },
      /no Kubernetes/,
    ],
    ["for the API server", { ...podClaims("n1"), aud: ["https://kubernetes.default.svc"] }, /claim aud/],
  ])("%s is refused", async (_what, claims, reason) => {
    expect(await shown(attestor(), rig.issuer.token(claims))).toMatch(reason);
  });
});
