import { createHash } from "node:crypto";
import * as pkijs from "pkijs";
import type { SpiffeId } from "../../src/domain/identity/spiffe-id.ts";
import type { TrustDomain } from "../../src/domain/identity/trust-domain.ts";
import { seconds } from "../../src/foundation/duration.ts";
import type { Random } from "../../src/foundation/random.ts";
import { agent, type IssuanceRig, issuanceRig, webEntry } from "../fakes/issuance-rig.ts";
import { loneFleet } from "../fakes/lone-fleet.ts";
import { type SoftwareAuthority, softwareAuthority } from "../fakes/software-authority.ts";
import { SoftwareSigner } from "../fakes/software-signer.ts";
import { authorityLife, type LeafCase, trustDomains, wantedOf } from "./leaf-cases.ts";
import { subjectKey } from "./subject-keys.ts";

/** What any reader must find in a leaf, said by the case and never taken from the certificate. */
export type Expected = {
  readonly serial: string;
  readonly notBefore: string;
  readonly notAfter: string;
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  readonly subjectKeyId: string;
  readonly authorityKeyId: string;
  readonly issuer: string;
  readonly spki: string;
};

export type MintedLeaf = {
  readonly asked: LeafCase;
  readonly expected: Expected;
  readonly certificate: Uint8Array;
  readonly authority: Uint8Array;
  readonly software: SoftwareAuthority;
  /** What the ledger's intent says of its TBSCertificate. */
  readonly tbsSha256: string;
};

const never = new AbortController().signal;

/** A pipeline whose clock, chance and registrations each case sets, one for each authority and serial prefix. */
class CaseMint {
  readonly #authority: LeafCase["authority"];
  readonly #software: SoftwareAuthority;
  readonly #issuer: string;
  readonly #rigs = new Map<number, IssuanceRig>();
  readonly #random: Random = { bytes: () => this.#next };
  #next: Uint8Array = new Uint8Array();
  #revision = 0;

  constructor(authority: LeafCase["authority"]) {
    this.#authority = authority;
    const curve = authority === "P-384" ? "P-384" : "P-256";
    this.#software = softwareAuthority({ ...authorityLife, curve, trustDomain: trustDomains[authority] });
    this.#issuer = hex(
      pkijs.Certificate.fromBER(this.#software.authority.certificate).subject.valueBeforeDecode,
    );
  }

  async mint(asked: LeafCase): Promise<MintedLeaf> {
    const rig = this.#rig(asked.prefix);
    const domain = trustDomains[this.#authority];
    const parentId = agent.replace("mesh.test", domain) as SpiffeId;
    const { spiffeId, dnsNames } = asked;
    this.#revision += 1; // or the retry memory would answer for a case that differs in its moment alone
    const entry = { ...webEntry, id: "asked", spiffeId, parentId, dnsNames, x509Ttl: seconds(asked.ttl) };
    rig.entries.set("asked", { ...entry, revision: this.#revision, tenant: `/${this.#revision}` });
    rig.clock.at = new Date(asked.nowMs);
    this.#next = asked.random;
    const kind = asked.profile === "workload" ? "agent" : "server";
    const caller = {
      kind,
      id: kind === "agent" ? parentId : (`spiffe://${domain}/meshmint/server` as SpiffeId),
    } as const;
    const issued = await rig.pipeline.issue(
      { caller, wanted: wantedOf(asked), csr: subjectKey(asked.key).csr },
      never,
    );
    if (!issued.ok) throw new Error(`${JSON.stringify(issued.error)} for ${JSON.stringify(asked)}`);
    const certificate = issued.value.chain[0] ?? new Uint8Array();
    const [intent] = rig.ledger.intents.splice(0); // 136 bits that are chosen, as here, may come twice
    const { keyId, certificate: authority } = this.#software.authority;
    const expected = expectedOf(asked, keyId, this.#issuer);
    return {
      asked,
      expected,
      certificate,
      authority,
      software: this.#software,
      tbsSha256: intent?.tbsSha256 ?? "",
    };
  }

  #rig(prefix: number): IssuanceRig {
    const known = this.#rigs.get(prefix);
    if (known !== undefined) return known;
    const signer = new SoftwareSigner();
    signer.add(this.#software);
    const issuers = {
      current: () => ({ ok: true, value: this.#software.authority }) as const,
      isOpen: () => true,
    };
    const rig = issuanceRig({
      trustDomain: trustDomains[this.#authority] as string as TrustDomain,
      issuers,
      signers: loneFleet(signer),
      random: this.#random,
      serialPrefix: prefix,
    });
    this.#rigs.set(prefix, rig);
    return rig;
  }
}

/** Issues every case through the whole pipeline, in the order of time, as clocks run forward. */
export async function mintAll(cases: readonly LeafCase[]): Promise<MintedLeaf[]> {
  const mints = new Map<LeafCase["authority"], CaseMint>();
  const minted: MintedLeaf[] = [];
  for (const asked of cases.toSorted((left, right) => left.nowMs - right.nowMs)) {
    const mint = mints.get(asked.authority) ?? new CaseMint(asked.authority);
    mints.set(asked.authority, mint);
    minted.push(await mint.mint(asked));
  }
  return minted;
}

const hex = (bytes: ArrayBuffer | Uint8Array): string => Buffer.from(bytes as Uint8Array).toString("hex");
const iso = (ms: number): string => new Date(ms).toISOString();

function expectedOf(asked: LeafCase, authorityKeyId: string, issuer: string): Expected {
  const second = Math.floor(asked.nowMs / 1000) * 1000;
  const { spki, bits } = subjectKey(asked.key);
  return {
    serial: asked.prefix.toString(16).padStart(2, "0") + hex(asked.random),
    notBefore: iso(second - 120_000),
    notAfter: iso(second + asked.ttl * 1000 - 1000),
    uris: [asked.spiffeId],
    dnsNames: asked.dnsNames,
    subjectKeyId: createHash("sha256").update(bits).digest("hex").slice(0, 40), // RFC 7093 §2, method 1
    authorityKeyId,
    issuer,
    spki: hex(spki),
  };
}
