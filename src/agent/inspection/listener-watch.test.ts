import { expect, test } from "vitest";
import type { Bundle } from "../../domain/trust/bundle.ts";
import type { X509Svid } from "../../domain/trust/svid.ts";
import { type ListenerAddress, ListenerWatch, type ProbeOutcome } from "./listener-watch.ts";

const never = new AbortController().signal;
const [web, v6] = [
  { host: "127.0.0.1", port: 8443 },
  { host: "::1", port: 443 },
];
const unverified: ProbeOutcome = { outcome: "unverified", reason: "CERT_HAS_EXPIRED" };
const refused: ProbeOutcome = { outcome: "refused", reason: "alert unknown ca" };

function watch(...outcomes: ProbeOutcome[]) {
  const asked: ListenerAddress[] = [];
  const probe = {
    probe: async (address: ListenerAddress) => {
      asked.push(address);
      return outcomes.shift() ?? ({ outcome: "accepted" } as const);
    },
  };
  const as = () => ({ bundle: {} as Bundle, svid: {} as X509Svid });
  const watched = new ListenerWatch({ probe, as });
  return { asked, outcomes, look: (...at: ListenerAddress[]) => watched.look(at, never) };
}

test("what does not verify twice in a row is a trouble, until it verifies", async () => {
  const { look } = watch(unverified, { outcome: "accepted" }, unverified, unverified, {
    outcome: "accepted",
  });
  const seen = [];
  for (let turn = 0; turn < 5; turn += 1) seen.push(await look(web));
  const words = "presents at 127.0.0.1:8443 a certificate that does not verify: CERT_HAS_EXPIRED";
  expect(seen).toEqual([undefined, undefined, undefined, words, undefined]);
});

test("a refusal counts only where the agent was taken before", async () => {
  const stranger = watch(refused, refused, refused);
  for (let turn = 0; turn < 3; turn += 1) expect(await stranger.look(v6)).toBeUndefined();
  const { look } = watch({ outcome: "accepted" }, refused, refused);
  expect([await look(v6), await look(v6), await look(v6)]).toEqual([
    undefined,
    undefined,
    "refuses at [::1]:443 its agent, which it took before: alert unknown ca",
  ]);
});

test("each listener is judged by itself, one that went is forgotten, and eight are tried", async () => {
  const { look, asked, outcomes } = watch({ outcome: "accepted" }, unverified);
  expect(await look(web, v6)).toBeUndefined();
  outcomes.push(unverified);
  expect(await look(v6)).toMatch(/at \[::1\]:443/);
  expect(await look()).toBeUndefined();
  outcomes.push(refused, refused);
  expect([await look(web), await look(web)]).toEqual([undefined, undefined]);
  asked.length = 0;
  await look(...Array.from({ length: 20 }, (_, port) => ({ host: "127.0.0.1", port })));
  expect(asked.length).toBe(8);
});
