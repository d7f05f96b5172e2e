import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { CeremonyFolder } from "../../backends/ceremony-files/ceremony-folder.ts";
import { Pkcs11TokenDoor } from "../../backends/pkcs11/ceremony-token.ts";
import { openModule, type Pkcs11Module } from "../../backends/pkcs11/module.ts";
import { pkijsCaCertificates } from "../../backends/pkijs/ca-certificates.ts";
import {
  type CeremonyDeps,
  type CeremonyScript,
  conduct,
  type Held,
} from "../../control/ceremony/conduct.ts";
import { crossCeremony } from "../../control/ceremony/cross-ceremony.ts";
import { intermediateCeremony } from "../../control/ceremony/intermediate-ceremony.ts";
import { rootCeremony } from "../../control/ceremony/root-ceremony.ts";
import type { CeremonyKind } from "../../control/ceremony/transcript.ts";
import { type CertificateList, readCertificateList } from "../../domain/certificate/certificate-list.ts";
import type { Der } from "../../domain/certificate/der.ts";
import { decodeCertificates, decodePem, encodePem } from "../../domain/certificate/pem.ts";
import { systemClock } from "../../foundation/clock.ts";
import { Fault } from "../../foundation/fault.ts";
import { systemRandom } from "../../foundation/random.ts";
import { readPin } from "../config/read-pin.ts";
import { type CeremonyConfig, readCeremonyConfig, type TokenConfig } from "./config.ts";

export type CeremonyOrder = {
  readonly kind: CeremonyKind;
  readonly configFile: string;
  readonly dryRun: boolean;
};

const rootFile = "root.pem";
const crossFile = "cross.pem";

/** Opens the tokens for this one run, holds the ceremony, and closes them. Throws CONFIG_INVALID, CEREMONY_REFUSED, HSM_*. */
export async function holdCeremony(order: CeremonyOrder, signal: AbortSignal): Promise<Held> {
  const config = await readCeremonyConfig(order.configFile);
  const newRoot = order.kind === "cross" ? await readNewRoot(config) : undefined;
  const listInForce = order.kind === "intermediate" ? await readListInForce(config) : undefined;
  const module = openModule(config.module);
  const doors = new Doors(module);
  const deps: CeremonyDeps = {
    files: new CeremonyFolder(config.outputFolder),
    certificates: pkijsCaCertificates,
    clock: systemClock,
    random: systemRandom,
    toPem: encodePem,
  };
  try {
    const script = scriptFor({ kind: order.kind, config, doors, newRoot, listInForce }, deps);
    return await conduct(script, { deps, dryRun: order.dryRun }, signal);
  } finally {
    doors.close();
    module.close();
  }
}

/** One door for each token, however many sections of the configuration name it: one login attempt per run. */
class Doors {
  readonly #module: Pkcs11Module;
  readonly #doors = new Map<string, Pkcs11TokenDoor>();

  constructor(module: Pkcs11Module) {
    this.#module = module;
  }

  to({ label, pinFile, initialize, soPinFile }: TokenConfig): Pkcs11TokenDoor {
    const known = this.#doors.get(label);
    if (known) return known;
    const door = new Pkcs11TokenDoor(this.#module, {
      label,
      readPin: () => readPin(pinFile),
      readSoPin: initialize && soPinFile !== undefined ? () => readPin(soPinFile) : undefined,
    });
    this.#doors.set(label, door);
    return door;
  }

  close(): void {
    for (const door of this.#doors.values()) door.close();
  }
}

type Scene = {
  readonly kind: CeremonyKind;
  readonly config: CeremonyConfig;
  readonly doors: Doors;
  readonly newRoot: Der | undefined;
  readonly listInForce: CertificateList | undefined;
};

function scriptFor(scene: Scene, deps: CeremonyDeps): CeremonyScript {
  const { config, doors } = scene;
  const common = { trustDomain: config.trustDomain, offline: doors.to(config.offlineToken) };
  const { organization, root } = config;
  switch (scene.kind) {
    case "root":
      return rootCeremony({ ...common, ...root, organization, file: rootFile }, deps);
    case "intermediate": {
      const intermediate = required(config.intermediate, "intermediate");
      const issuing = doors.to(required(config.issuingToken, "issuingToken"));
      return intermediateCeremony(
        {
          ...common,
          ...intermediate,
          rootLabel: root.label,
          issuing,
          organization,
          listInForce: scene.listInForce,
        },
        deps,
      );
    }
    case "cross": {
      const cross = required(config.cross, "cross");
      return crossCeremony(
        {
          trustDomain: config.trustDomain,
          oldOffline: doors.to(cross.oldToken ?? config.offlineToken),
          oldLabel: cross.oldRootLabel,
          newRoot: required(scene.newRoot, "root"),
          file: crossFile,
        },
        deps,
      );
    }
    default:
      return scene.kind satisfies never;
  }
}

function required<T>(section: T | undefined, key: string): T {
  if (section !== undefined) return section;
  throw new Fault("CONFIG_INVALID", `${key}: is missing; this ceremony needs it`);
}

async function readNewRoot(config: CeremonyConfig): Promise<Der> {
  const file = join(config.outputFolder, rootFile);
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new Fault("CEREMONY_REFUSED", `needs the new root in ${file}; hold the root ceremony first`, {
      cause,
    });
  });
  const certificates = decodeCertificates(text);
  const [root, ...others] = certificates.ok ? certificates.value : [];
  if (!root || others.length > 0) {
    throw new Fault("CEREMONY_REFUSED", `${file} must hold one certificate, the new root`);
  }
  return root as Der;
}

async function readListInForce({ intermediate }: CeremonyConfig): Promise<CertificateList | undefined> {
  const file = intermediate?.listInForce;
  if (file === undefined) return undefined;
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new Fault("CONFIG_INVALID", `intermediate.listInForce: ${file} cannot be read`, { cause });
  });
  const blocks = decodePem(text);
  const [block] = blocks.ok ? blocks.value : [];
  if (block?.label !== "X509 CRL") {
    throw new Fault(
      "CONFIG_INVALID",
      `intermediate.listInForce: ${file} must begin with the root's revocation list, in PEM`,
    );
  }
  const list = readCertificateList(block.der);
  if (!list.ok) throw new Fault("CONFIG_INVALID", `intermediate.listInForce: ${file}: ${list.error}`);
  return list.value;
}
