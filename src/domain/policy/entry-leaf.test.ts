import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Der } from "../certificate/der.ts";
import { constrainedIssuer, fillOrder, issuer, order } from "../certificate/leaf.fixtures.ts";
import { Linter } from "../certificate/lint/lint.ts";
import type { SpiffeId } from "../identity/spiffe-id.ts";
import { leafFlaws } from "./entry-leaf.ts";

const { spiffeId } = order;
const spki = new Uint8Array(
  generateKeyPairSync("rsa", { modulusLength: 4096 }).publicKey.export({ type: "spki", format: "der" }),
) as Der;
const permitting = (permitted: readonly string[], excluded: readonly string[] = []) => ({
  ...issuer,
  nameConstraints: {
    permitted: { ...issuer.nameConstraints.permitted, dnsNames: permitted },
    excluded: { ...issuer.nameConstraints.excluded, dnsNames: excluded },
  },
});

test("a name outside the authority's subtrees is named, those inside are not", () => {
  const under = permitting(["mesh.test", "svc"], ["secret.svc"]);
  const dnsNames = ["mesh.test", "a.mesh.test", "web.svc", "elsewhere.test", "x.secret.svc"];
  const flaws = leafFlaws({ spiffeId, dnsNames }, [under]);
  expect(flaws).toHaveLength(2);
  expect(flaws[0]).toMatch(/^"elsewhere\.test" is not below .* intermediate\.dnsSubtrees/);
  expect(flaws[1]).toMatch(/^"x\.secret\.svc"/);
});

test("every authority that signs or will has its say; one that may certify no DNS names refuses each", () => {
  expect(leafFlaws({ spiffeId, dnsNames: ["web"] }, [issuer])).toEqual([]);
  expect(leafFlaws({ spiffeId, dnsNames: ["web"] }, [issuer, constrainedIssuer])).toHaveLength(1);
  expect(leafFlaws({ spiffeId, dnsNames: [] }, [constrainedIssuer])).toEqual([]);
});

const label = fc.integer({ min: 1, max: 60 }).map((length) => "a".repeat(length));
const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join(".").slice(0, 250));
const names = fc.tuple(fc.integer({ min: 0, max: 64 }), name, fc.integer({ min: 1, max: 2000 }));

test("what is let in is what lint lets pass with the longest key, to the byte", () => {
  let refused = 0;
  fc.assert(
    fc.property(names, ([count, base, idLength]) => {
      const dnsNames = Array.from({ length: count }, (_, at) => `${at}${base}`.replace(/\.$/, ""));
      const id = `spiffe://mesh.test/${"i".repeat(idLength)}` as SpiffeId;
      const late = {
        ...order.validity,
        notBefore: new Date("2050-01-01T00:00:00Z"),
        notAfter: new Date("2050-01-01T00:30:00Z"),
      };
      const under = { ...issuer, notAfter: new Date("2060-01-01T00:00:00Z") };
      const asked = { ...order, spiffeId: id, dnsNames, spki, validity: late };
      const flaws = leafFlaws({ spiffeId: id, dnsNames }, [under]);
      expect(new Linter(under).lint(fillOrder(asked, under), asked).ok).toBe(flaws.length === 0);
      if (flaws.length > 0) refused += 1;
    }),
    // One that is far too large and one that is small, so that both verdicts are met whatever chance brings.
    { numRuns: 300, examples: [[[64, Array(4).fill("a".repeat(60)).join("."), 2000]], [[0, "a", 1]]] },
  );
  expect(refused).toBeGreaterThan(0);
  expect(refused).toBeLessThan(300);
});
