import { expect, test } from "vitest";
import { rootPem } from "../../domain/certificate/certificate.vectors.ts";
import {
  assembleCertificateList,
  writeTbsCertificateList,
} from "../../domain/certificate/certificate-list.ts";
import type { Der } from "../../domain/certificate/der.ts";
import { sequence, smallInteger } from "../../domain/certificate/der-writer.ts";
import { decodeCertificates } from "../../domain/certificate/pem.ts";
import type { TrustDomain } from "../../domain/identity/trust-domain.ts";
import { readBundle } from "./read-messages.ts";

const trustDomain = "mesh.test" as TrustDomain;
const roots = decodeCertificates(rootPem);
const root = Buffer.from((roots.ok && roots.value[0]) || []);
const at = new Date("2030-01-01T00:00:00Z");
const content = {
  issuer: sequence(),
  thisUpdate: at,
  nextUpdate: at,
  revoked: [],
  number: "01",
  authorityKeyId: "aa",
};
const signature = sequence(smallInteger(1), smallInteger(2));
const tbs = writeTbsCertificateList(content, "P-256");
const list = Buffer.from(assembleCertificateList(tbs, signature, "P-256"));
const read = (revocationListsDer: Buffer[]) =>
  readBundle({ trustDomain, sequence: "7", anchorsDer: [root], revocationListsDer }, trustDomain);

test("a bundle comes with its anchors and its revocation lists", () => {
  const plain = (bytes: Buffer) => new Uint8Array(bytes) as Der;
  const bundle = { trustDomain, sequence: 7, anchors: [plain(root)], lists: [plain(list)] };
  expect(read([list])).toMatchObject({ ok: true, value: bundle });
  expect(read([])).toMatchObject({ ok: true, value: { ...bundle, lists: [] } });
});

test.each([
  ["with bytes that are no list", [Buffer.from("no list")], "cannot be read"],
  ["with 129 lists", Array.from({ length: 129 }, () => list), "129 revocation lists"],
])("a bundle %s is refused", (_what, lists, words) => {
  expect(read(lists)).toMatchObject({ ok: false, error: expect.stringContaining(words) });
});
