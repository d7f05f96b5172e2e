import { expect, test } from "vitest";
import { intermediatePem, rootPem } from "../../domain/certificate/certificate.vectors.ts";
import type { Der } from "../../domain/certificate/der.ts";
import { decodeCertificates } from "../../domain/certificate/pem.ts";
import type { TrustDomain } from "../../domain/identity/trust-domain.ts";
import { firstState } from "../../domain/trust/trust-state.ts";
import { hours } from "../../foundation/duration.ts";
import { TrustPicture } from "./trust-picture.ts";

const { signal } = new AbortController();
const trustDomain = "mesh.test" as TrustDomain;
const der = (pem: string): Der => {
  const read = decodeCertificates(pem);
  return (read.ok ? read.value[0] : new Uint8Array()) as Der;
};

test.each([
  ["2036-11-18T00:00:00Z", 1],
  ["2036-11-20T00:00:00Z", 0],
])("a server started at %s sends %i of one cross-certificate that ends on 2036-11-19", async (now, sent) => {
  const authority = {
    keyId: "aa",
    certificate: der(intermediatePem),
    anchorSha256: "",
    crossCertificates: [der(intermediatePem)],
    notBefore: new Date(0),
    notAfter: new Date("2050-01-01T00:00:00Z"),
  };
  const bundle = { trustDomain, sequence: 1, anchors: [der(rootPem)], lists: [] };
  const store = { load: async () => firstState(authority, bundle, new Date(0)), save: async () => true };
  const clock = { now: () => new Date(now) };
  const signatures = { isSignedBy: () => true, isListSignedBy: () => true };
  const never = async () => expect.unreachable("the store has a state");
  const deps = { trustDomain, store, signatures, longestLeaf: hours(1), clock };
  const current = (await TrustPicture.open(deps, never, signal)).current();
  expect(current.ok && current.value.crossCertificates.length).toBe(sent);
});
