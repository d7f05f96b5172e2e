import { generateKeyPairSync } from "node:crypto";
import { expect, test } from "vitest";
import type { SpiffeId } from "../identity/spiffe-id.ts";
import type { Der } from "./der.ts";
import { readDer } from "./der-reader.ts";
import { fillOrder, must, order } from "./leaf.fixtures.ts";
import { LeafForms } from "./leaf-forms.ts";
import { type LeafTbs, readLeafTbs } from "./leaf-tbs.ts";
import { readTbs, type TbsCertificate } from "./tbs-certificate.ts";

const freshSpki = (): Der =>
  new Uint8Array(
    generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ type: "spki", format: "der" }),
  ) as Der;
const leafOf = (id: string) =>
  fillOrder({
    ...order,
    spiffeId: `spiffe://mesh.test/${id}` as SpiffeId,
    dnsNames: [],
    serial: crypto.getRandomValues(new Uint8Array(18)).fill(1, 0, 1),
    spki: freshSpki(),
  });

test.each(["w", "ns/default/sa/web", `ns/${"n".repeat(200)}/sa/web`])(
  "the second leaf of %s is known by the first, and reads as the reader reads it",
  (id) => {
    const forms = new LeafForms<LeafTbs>();
    const first = leafOf(id);
    expect(forms.read(first)).toBeUndefined();
    forms.keep(first, must(readLeafTbs(first)));
    const second = leafOf(id);
    const { serial, spki, extensions } = must(readLeafTbs(second));
    expect(forms.read(second)).toMatchObject({ serial, extensions, spki });
  },
);

test("identities of one length that end alike do not pass for one another", () => {
  const forms = new LeafForms<LeafTbs>();
  const [one, other] = ["a", "b"].map((letter) => leafOf(`${letter}/${"same".repeat(40)}`));
  if (!one || !other) throw new Error("unreachable");
  forms.keep(one, must(readLeafTbs(one)));
  expect(forms.read(other)).toBeUndefined();
});

test("a form keeps nothing of the message that its leaf came in", () => {
  const forms = new LeafForms<TbsCertificate>();
  const leaf = leafOf("w");
  const message = Buffer.alloc(64 * 1024);
  message.set(leaf, 1024);
  const received = message.subarray(1024, 1024 + leaf.length);
  forms.keep(received, must(readDer(received, received.length, readTbs)));
  message.fill(0);
  const second = leafOf("w");
  const again = forms.read(second);
  expect(again).toEqual(must(readDer(second, second.length, readTbs)));
  expect(again?.issuer.buffer.byteLength).toBe(leaf.length);
  expect(again?.subject.buffer.byteLength).toBe(leaf.length);
});
