/** The ID of an agent that proved its node by a certificate. */
import { describe, expect, test } from "vitest";
import { parseAgentIdTemplate } from "../../../src/domain/attestation/agent-id-template.ts";
import { certificateFieldFlaw } from "../../../src/domain/attestation/subject-fields.ts";
import { oid } from "../../../src/domain/certificate/oid.ts";
import type { Wishes } from "../../fakes/node-pki.ts";
import { attempt, issuing, leaf } from "./x509pop-rig.ts";

describe("NA3: the agent's ID by a template", () => {
  const template = "{subject.organizationalUnit}/{subject.commonName}";
  const [ou, cn] = [oid.organizationalUnitName, oid.commonName];
  const idOf = (subject: Wishes["subject"], by = template) =>
    attempt({ chain: [leaf({ subject: subject ?? [], dnsNames: ["n1.example"] }), issuing], template: by });

  test("of subject fields, or the DNS name", async () => {
    expect(
      await idOf([
        [ou, "rack-7"],
        [cn, "n1"],
      ]),
    ).toBe("spiffe://mesh.test/meshmint/agent/x509pop/rack-7/n1");
    expect(await idOf([[cn, "n1"]], "host-{san.dns}")).toBe(
      "spiffe://mesh.test/meshmint/agent/x509pop/host-n1.example",
    );
  });

  test.each<[string, Wishes["subject"], RegExp]>([
    ["is missing", [[cn, "n1"]], /no one value for \{subject\.organizationalUnit\}/],
    [
      "is there twice",
      [
        [ou, "r"],
        [cn, "n1"],
        [cn, "n2"],
      ],
      /no one value for \{subject\.commonName\}/,
    ],
    [
      "is empty",
      [
        [ou, "r"],
        [cn, ""],
      ],
      /no one value/,
    ],
    [
      "goes up",
      [
        [ou, "r"],
        [cn, ".."],
      ],
      /dot segments/,
    ],
    [
      "has a slash",
      [
        [ou, "r"],
        [cn, "a/b"],
      ],
      /does not fit/,
    ],
    [
      "has other letters",
      [
        [ou, "r"],
        [cn, "nöde"],
      ],
      /does not fit/,
    ],
  ])("is refused where a field %s", async (_what, subject, reason) => {
    expect(await idOf(subject)).toMatch(reason);
  });
});

test.each<[string, RegExp]>([
  ["node", /names no field/],
  ["{subject.commonName}{san.dns}", /is no template/],
  ["{subject.commonName}/", /is no template/],
  ["a//{san.dns}", /is no template/],
  ["{subject.title}", /no field of a certificate; there are publicKeySha256/],
  ["{constructor}", /no field of a certificate/],
  ["nöde-{san.dns}", /is no template/],
])("the template %s is refused by the configuration", (text, reason) => {
  expect(parseAgentIdTemplate(text, certificateFieldFlaw)).toMatchObject({
    ok: false,
    error: expect.stringMatching(reason),
  });
});
