import type { Der } from "../../domain/certificate/der.ts";
import type { RegistrationEntry } from "../../domain/identity/registration-entry.ts";
import type { Random } from "../../foundation/random.ts";
import { ok } from "../../foundation/result.ts";
import type { AgentObserver } from "../agent-event.ts";
import type { Stage } from "../stage.fixtures.ts";
import type { ChainClaim } from "./leaf-keys.ts";
import type { SvidIssuer } from "./svid-issuer.ts";
import { SvidKeeper } from "./svid-keeper.ts";

/** How long a certificate lives, in milliseconds. */
export const hour = 3_600_000;

/** A keeper on this stage; the first byte of what it is issued is the serial. */
export const keeperOf = (parts: {
  readonly stage: Stage;
  readonly issue: SvidIssuer["issue"];
  readonly saw: AgentObserver["saw"];
  readonly random: Random;
}): SvidKeeper =>
  new SvidKeeper({
    issuer: { issue: parts.issue },
    keys: {
      make: async () => ({ privateKey: new Uint8Array(1), csr: new Uint8Array(1) as Der }),
      check: ({ chain, now }: ChainClaim) =>
        ok({ serial: String(chain[0]?.[0]), notBefore: now, notAfter: new Date(now.getTime() + hour) }),
    },
    clock: parts.stage,
    alarm: parts.stage,
    random: parts.random,
    observer: { saw: parts.saw },
    anchors: () => [],
  });

export const entry = (over: Partial<RegistrationEntry> = {}) =>
  ({
    id: "e1",
    spiffeId: "spiffe://mesh.example/web",
    selectors: ["unix:uid:1"],
    dnsNames: [],
    hint: "",
    priority: 0,
    revision: 1,
    createdAt: new Date(0),
    ...over,
  }) as unknown as RegistrationEntry;
