import { verify, X509Certificate } from "node:crypto";
import { expect, test } from "vitest";
import { readCertificateList } from "../../../src/domain/certificate/certificate-list.ts";
import type { Der } from "../../../src/domain/certificate/der.ts";
import { widenLists } from "../../../src/domain/trust/wider-lists.ts";
import { revocationList } from "../../fakes/revocation-list.ts";
import { type SoftwareAuthority, softwareAuthority } from "../../fakes/software-authority.ts";

const year = 365 * 86_400_000;
const times = { thisUpdate: new Date(Date.now() - 3_600_000), nextUpdate: new Date(Date.now() + year) };
const [old, next] = [softwareAuthority(), softwareAuthority()];
const ofRoot = ({ root, rootKey }: SoftwareAuthority) => revocationList(root, rootKey, times);
const own = ({ authority, privateKey }: SoftwareAuthority) =>
  revocationList(authority.certificate, privateKey, times);
const isListSignedBy = (list: Der, issuer: Der) => {
  const read = readCertificateList(list);
  if (!read.ok) return false;
  return verify("sha256", read.value.tbs, new X509Certificate(issuer).publicKey, read.value.signature);
};
const question = {
  anchors: [old.root],
  root: next.root,
  active: old.authority.certificate,
  next: next.authority.certificate,
  now: new Date(),
};

test("R28: what a new root needs must be in what is offered, whatever is in force besides", () => {
  const inForce = [ofRoot(old), own(old), ofRoot(next)];
  const short = widenLists({ ...question, inForce, offered: [own(next)] }, isListSignedBy);
  expect(short).toMatchObject({ ok: false, error: expect.stringContaining("only what is offered stays") });
  const offered = [ofRoot(next), own(next)];
  const whole = widenLists({ ...question, inForce, offered }, isListSignedBy);
  expect(whole).toMatchObject({ ok: true, value: { lists: { ofNewRoot: offered, before: inForce } } });
});
