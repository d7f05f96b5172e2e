import assert from "node:assert/strict";
import { test } from "vitest";
import type { OfferedAuthority } from "../../../src/control/rotation/new-authority.ts";
import { SignerFleet } from "../../../src/control/signing/signer-fleet.ts";
import { Fault } from "../../../src/foundation/fault.ts";
import { noQuarantines } from "../../fakes/lone-fleet.ts";
import { crossCertificate, softwareAuthority } from "../../fakes/software-authority.ts";
import { SoftwareSigner } from "../../fakes/software-signer.ts";
import { must, refusal, see } from "./rotation-parts.ts";
import { RotationRig, signal } from "./rotation-rig.ts";

const hour = 3_600_000;

/** What a start is offered wrongly, and what the refusal says. Each changes a correct offer in one way. */
const offers: Record<string, [(rig: RotationRig) => Partial<OfferedAuthority>, RegExp]> = {
  "a root that is no DER": [() => ({ root: new Uint8Array(40) }), /the root cannot be read/],
  "an intermediate that is 1 MiB of zeros": [
    () => ({ intermediate: new Uint8Array(1 << 20) }),
    /the intermediate cannot be read/,
  ],
  "an intermediate as root": [
    (rig) => ({ root: rig.next.authority.certificate }),
    /the root is not self-signed/,
  ],
  "an intermediate of another root": [
    () => ({ intermediate: softwareAuthority().authority.certificate }),
    /the intermediate is not signed by this root/,
  ],
  "a root with one bit changed": [
    (rig) => ({ root: rig.next.root.map((byte, at) => (at === rig.next.root.length - 1 ? byte ^ 1 : byte)) }),
    /the root is not self-signed/,
  ],
  "the intermediate of another trust domain": [
    () => offerOf(softwareAuthority({ trustDomain: "other.test" })),
    /not name-constrained, critically, to the trust domain mesh\.test alone/,
  ],
  "an intermediate that ends before a leaf of now would": [
    () => offerOf(softwareAuthority({ notAfter: new Date(Date.now() + 23 * hour) })),
    /sooner than a leaf of 86400 s would/,
  ],
  "an expired root": [
    () =>
      offerOf(
        softwareAuthority({
          notBefore: new Date(Date.now() - 9 * hour),
          notAfter: new Date(Date.now() - hour),
        }),
      ),
    /the root expired/,
  ],
  "a key that the signer does not hold": [
    () => offerOf(softwareAuthority()),
    /signer "only" holds no key [0-9a-f]{40}/,
  ],
  "the present authority": [(rig) => offerOf(rig.old), /this root is in the bundle already/],
  "a cross-certificate for another root": [
    (rig) => ({ cross: crossCertificate(softwareAuthority(), rig.old) }),
    /not for the new root's name and key/,
  ],
  "a cross-certificate by another root": [
    (rig) => ({ cross: crossCertificate(rig.next, softwareAuthority()) }),
    /not signed by the old root/,
  ],
};

const offerOf = ({ root, authority }: ReturnType<typeof softwareAuthority>): OfferedAuthority => ({
  root,
  intermediate: authority.certificate,
  cross: undefined,
});

test("a start with anything wrong is refused, recorded, and changes nothing", async () => {
  const rig = await RotationRig.open();
  const server = await rig.serve();
  const before = server.picture.state;
  for (const [what, [change, sentence]] of Object.entries(offers)) {
    const offered = { ...rig.offered, ...change(rig) };
    const { code, message } = refusal(await server.driver.start(offered, see(server), signal));
    assert.match(message, sentence, what);
    assert.equal(code, what.includes("signer") ? "unknown-key" : "bad-certificate", what);
    assert.equal(rig.recorded.at(-1)?.kind, "rotation.start.refused");
  }
  assert.equal(server.picture.state, before);
});

test("the signer's own certificate for the key must be the one that is offered", async () => {
  const rig = await RotationRig.open();
  const server = await rig.serve();
  rig.signer.describeKey = async (keyId) => ({
    keyId,
    label: "x",
    tokenLabel: "t",
    spki: rig.next.spki,
    certificate: rig.old.authority.certificate,
  });
  const { message } = refusal(await server.driver.start(rig.offered, see(server), signal));
  assert.match(message, /another certificate beside the key/);
});

test("without a cross-certificate, as after a compromise, a rotation can start too", async () => {
  const rig = await RotationRig.open();
  const server = await rig.serve();
  const started = must(await server.driver.start({ ...rig.offered, cross: undefined }, see(server), signal));
  assert.equal(started.phase, "anchored"); // nobody holds anything here
});

test("new certificates wait until every clock in the mesh finds them valid", async () => {
  const rig = await RotationRig.open();
  const server = await rig.serve();
  const young = softwareAuthority({ notBefore: new Date(rig.clock.now().getTime() - 60_000) });
  rig.signer.add(young);
  const started = must(await server.driver.start(offerOf(young), see(server), signal));
  assert.equal(started.phase, "distributing");
  assert.match(refusal(await server.driver.activate(see(server), signal)).message, /wait 2[34]\d s more/);
  rig.pass(240);
  assert.equal(must(await server.driver.activate(see(server), signal)).phase, "reissued"); // there are no leaves to replace
});

/** A second signer, as a start and an activation find it, and what they say. */
const seconds: Record<string, [(second: SoftwareSigner, rig: RotationRig) => void, RegExp]> = {
  "without the key": [() => undefined, /^signer "two" holds no key [0-9a-f]{40}: certify/],
  "with another certificate beside it": [
    (second, rig) => {
      second.describeKey = async (keyId) => {
        const key = await rig.signer.describeKey(keyId);
        return key && { ...key, certificate: rig.old.authority.certificate };
      };
    },
    /^the token of signer "two" has another certificate/,
  ],
  "that is away": [
    (second) => {
      second.describeKey = () => Promise.reject(new Fault("SIGNER_UNAVAILABLE", "nobody listens"));
    },
    /^not every signer can be asked for the key [0-9a-f]{40}: signer "two": nobody listens$/,
  ],
};

test.each(Object.entries(seconds))(
  "with a second signer %s a rotation neither starts nor goes on, unless it is in quarantine",
  async (_, [prepare, sentence]) => {
    const rig = await RotationRig.open();
    const second = new SoftwareSigner();
    second.add(rig.old);
    prepare(second, rig);
    const alone = rig.fleet;
    rig.fleet = fleetOf({ only: rig.signer, two: second });
    const both = await rig.serve();
    const said = async (act: Promise<{ ok: boolean; error?: { code: string; message: string } }>) =>
      await act.then(
        (outcome) => refusal(outcome).message,
        (thrown: Fault) => `${thrown.message}`,
      );
    assert.match(await said(both.driver.start(rig.offered, see(both), signal)), sentence);
    rig.fleet = alone;
    const lone = await rig.serve();
    must(await lone.driver.start(rig.offered, see(lone), signal));
    rig.fleet = fleetOf({ only: rig.signer, two: second });
    const again = await rig.serve();
    assert.match(await said(again.driver.activate(see(again), signal)), sentence);
    rig.fleet.distrust("two", "it lied");
    must(await again.driver.activate(see(again), signal));
  },
);

const fleetOf = (signers: Readonly<Record<string, SoftwareSigner>>): SignerFleet =>
  new SignerFleet({
    signers: Object.entries(signers).map(([name, signer]) => ({ name, signer })),
    quarantines: noQuarantines,
    observer: { saw: () => undefined },
  });
