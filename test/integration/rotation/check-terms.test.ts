/** What a server is refused at its start, and what it is not: a restart, a signer that is away, an issuer that has ended. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { x509SignatureCheck } from "../../../src/backends/node-crypto/x509-signature-check.ts";
import { RotationSchedule } from "../../../src/control/rotation/rotation-schedule.ts";
import { Fault } from "../../../src/foundation/fault.ts";
import { piecesFor } from "../../../src/programs/config/config-pieces.ts";
import { checkTerms } from "../../../src/programs/server/check-terms.ts";
import { longestLeafOf, serverSchema } from "../../../src/programs/server/config.ts";
import { temporaryFolder } from "../../contract/store/temporary-store.ts";
import { softwareAuthority } from "../../fakes/software-authority.ts";
import { RotationRig, signal } from "./rotation-rig.ts";

/** One state folder and one token, for starts with this schedule or that. */
async function site() {
  const rig = await RotationRig.open();
  const folder = temporaryFolder();
  const { picture, driver } = await rig.serve();
  const warned: unknown[] = [];
  const start = async (rotation: object, svids: object = {}) => {
    const authority = { root: "root.pem", intermediate: "issuing.pem" };
    const given = {
      program: "server",
      trustDomain: "mesh.test",
      stateDir: folder,
      authority,
      rotation,
      svids,
    };
    const config = serverSchema(piecesFor(folder)).parse(given);
    const longestLeaf = longestLeafOf(config);
    const terms = { every: undefined, ...config.rotation.schedule, longestLeaf };
    const schedule = new RotationSchedule({
      picture,
      driver,
      terms,
      longestLeaf,
      clock: rig.clock,
      signatures: x509SignatureCheck,
      signers: rig.fleet,
      observer: { saw: () => undefined },
      frozen: () => undefined,
    });
    const logger = { warn: (fields: unknown) => void warned.push(fields) };
    return await checkTerms(
      config,
      { trust: { picture, schedule, terms }, logger, clock: rig.clock },
      signal,
    );
  };
  return { rig, start, warned, accepted: () => existsSync(join(folder, "accepted-terms.json")) };
}

const weekly = { schedule: { every: "7d" } };

test("R12: a schedule that the stock cannot carry is refused until it can, and then no restart is", async () => {
  const { rig, start, accepted } = await site();
  await expect(start(weekly)).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    message: expect.stringMatching(
      /every is 7d: the next intermediate is due .* hold `meshmint ceremony intermediate`/,
    ),
  });
  expect(accepted()).toBe(false);
  const next = softwareAuthority({ beside: rig.old });
  rig.signer.add(next);
  expect(await start(weekly)).toBe(true);
  expect(accepted()).toBe(true);
  rig.signer.listKeys = async () => []; // time has passed: the stock is used up
  expect(await start(weekly)).toBe(true);
  await expect(start({ schedule: { every: "8d" } })).rejects.toThrow(/every is 8d.*none in stock lasts/);
  expect(await start({})).toBe(true);
});

test("R12: new lifetimes that the issuer's end forbids are refused by their keys; one that has ended is not", async () => {
  const { rig, start } = await site();
  expect(await start({}, { longestTtl: "10h", nodeTtl: "10h", serverTtl: "10h" })).toBe(true);
  rig.pass(980.5 * 3600); // of 1000 hours
  await expect(start({}, { longestTtl: "10h", serverTtl: "10h" })).rejects.toThrow(
    /^svids.nodeTtl is 1d, and the issuing authority \w+ ends in 19h.*, with none in stock to follow it: lower svids.nodeTtl/,
  );
  expect(await start({}, { longestTtl: "10h", nodeTtl: "10h", serverTtl: "10h" })).toBe(true);
  rig.pass(20 * 3600);
  expect(await start({}, { longestTtl: "10h", nodeTtl: "1d", serverTtl: "10h" })).toBe(true); // it has ended: that is mended by a rotation
});

test("where a signer is away it is not refused, but asked again", async () => {
  const { rig, start, warned, accepted } = await site();
  const { listKeys } = rig.signer;
  rig.signer.listKeys = async () => {
    throw new Fault("SIGNER_UNAVAILABLE", "nobody answers");
  };
  expect([await start(weekly), accepted()]).toEqual([false, false]);
  expect(warned).toEqual([{ away: ['signer "only": nobody answers'] }]);
  rig.signer.listKeys = listKeys;
  await expect(start(weekly)).rejects.toThrow(/none in stock lasts/);
});
