import fc from "fast-check";
import type { Wanted } from "../../src/control/issuance/request.ts";
import type { ProfileName } from "../../src/domain/certificate/profile.ts";
import type { SpiffeId } from "../../src/domain/identity/spiffe-id.ts";
import type { KeyName } from "./subject-keys.ts";

/** What one leaf is asked to be, and the chance and the moment it is made with. */
export type LeafCase = {
  readonly authority: "P-256" | "P-384" | "longest domain";
  readonly profile: ProfileName;
  readonly spiffeId: SpiffeId;
  readonly dnsNames: readonly string[];
  /** First byte of the serial number, and the 17 behind it. */
  readonly prefix: number;
  readonly random: Uint8Array;
  readonly nowMs: number;
  /** Seconds; for node and server leaves their profile's default. */
  readonly ttl: number;
  readonly key: KeyName;
};

export const trustDomains = {
  "P-256": "mesh.test",
  "P-384": "mesh.test",
  "longest domain": `${"a-b_c.".repeat(42)}tld`, // 255 bytes: SPIFFE-ID §2.3
} as const;

/** Where the calendar turns: UTCTime to GeneralizedTime (RFC 5280 §4.1.2.5), leap days, and centuries without one. */
const turns = [
  "2050-01-01",
  "2049-12-31",
  "2028-02-29",
  "2028-03-01",
  "2032-02-29",
  "2052-02-29",
  "2100-03-01",
].map((day) => Date.parse(`${day}T00:00:00Z`));
const day = 86_400_000;
const earliest = Date.parse("2020-02-01T00:00:00Z");
const latest = Date.parse("2110-01-01T00:00:00Z");
/** The authorities live from the first to the last of these. */
export const authorityLife = { notBefore: new Date(earliest - day), notAfter: new Date(latest + 10 * day) };

const moment = fc.oneof(
  fc.integer({ min: earliest, max: latest }),
  fc
    .tuple(fc.constantFrom(...turns), fc.integer({ min: -2 * day, max: 180_000 }))
    .map(([turn, offset]) => turn + offset),
  fc
    .tuple(fc.constantFrom(...turns), fc.integer({ min: -3000, max: 3000 }))
    .map(([turn, offset]) => turn + offset),
);

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
/** 136 bits: any, and every length of leading zeros with the next bit set or not. */
const random = fc.oneof(
  bytes(17),
  fc
    .tuple(bytes(17), fc.nat(17), fc.constantFrom(0x00, 0x01, 0x7f, 0x80, 0xff))
    .map(([tail, zeros, first]) => {
      tail.fill(0, 0, zeros);
      if (zeros < 17) tail[zeros] = first;
      return tail;
    }),
);

const segment = fc.stringMatching(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,20}$/);
/** No hyphens side by side: as third and fourth character they announce an encoding (RFC 5890 §2.3.1). */
const label = fc.stringMatching(/^[a-z](?:-?[a-z0-9]){0,30}$/);
const longestLabel = "a".repeat(63);
const dnsName = fc.oneof(
  fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join(".")),
  fc.constantFrom(
    "x",
    "xn--caf-dma.example",
    longestLabel,
    [longestLabel, longestLabel, longestLabel, "b".repeat(61)].join("."),
  ),
);
const dnsNames = fc.uniqueArray(dnsName, { maxLength: 8 });
const key = fc.constantFrom<KeyName[]>(
  ...([
    "P-256",
    "P-256",
    "P-256 with a short x",
    "P-256 with a short y",
    "P-384",
    "P-384 with a short x",
  ] as const),
  ...(["RSA 2048", "RSA 3072", "RSA 4096"] as const),
);

/** Fills a path up to a SPIFFE ID of exactly this many bytes. */
function idOfLength(domain: string, path: string, length: number): SpiffeId {
  const start = `spiffe://${domain}/${path}/`;
  return `${start}${"z".repeat(Math.max(1, length - start.length))}`.slice(0, length) as SpiffeId;
}

const workloadId = (domain: string) => {
  const path = fc.array(segment, { minLength: 1, maxLength: 6 }).map((parts) => parts.join("/"));
  const free = path.filter((text) => text !== "meshmint" && !text.startsWith("meshmint/"));
  return fc.oneof(
    { weight: 5, arbitrary: free.map((text) => `spiffe://${domain}/${text}` as SpiffeId) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(free, fc.integer({ min: 2040, max: 2048 }))
        .map(([text, length]) => idOfLength(domain, text, length)),
    },
  );
};

const nodeId = (domain: string) =>
  segment.map((name) => `spiffe://${domain}/meshmint/agent/join_token/${name}` as SpiffeId);

const subject = (authority: LeafCase["authority"]) => {
  const domain = trustDomains[authority];
  const ttl = fc.oneof(fc.integer({ min: 1, max: 86_400 }), fc.constantFrom(1, 2, 59, 60, 3600, 86_400));
  const workload = fc.record({
    profile: fc.constant("workload" as const),
    spiffeId: workloadId(domain),
    dnsNames,
    ttl,
  });
  const node = fc.record({
    profile: fc.constant("node" as const),
    spiffeId: nodeId(domain),
    dnsNames: fc.constant<string[]>([]),
    ttl: fc.constant(86_400),
  });
  const server = fc.record({
    profile: fc.constant("server" as const),
    spiffeId: fc.constant(`spiffe://${domain}/meshmint/server` as SpiffeId),
    dnsNames,
    ttl: fc.constant(86_400),
  });
  const any = fc.oneof(
    { weight: 6, arbitrary: workload },
    { weight: 1, arbitrary: node },
    { weight: 1, arbitrary: server },
  );
  return any.map((chosen) => ({ authority, ...chosen }));
};

/** Any leaf that the pipeline is to issue. */
export const leafCase: fc.Arbitrary<LeafCase> = fc
  .constantFrom<LeafCase["authority"][]>("P-256", "P-256", "P-384", "longest domain")
  .chain((authority) =>
    fc.tuple(
      subject(authority),
      fc.record({ prefix: fc.integer({ min: 1, max: 0x7f }), random, nowMs: moment, key }),
    ),
  )
  .map(([asked, made]) => ({ ...asked, ...made }));

/** One leaf for each leading serial byte that there is, with the bits behind it all set, all clear, or only the first. */
export function everyPrefix(): LeafCase[] {
  const after = [0x00, 0x7f, 0x80, 0xff];
  return Array.from({ length: 0x7f }, (_, at) =>
    after.map((first): LeafCase => {
      const tail = new Uint8Array(17).fill(first === 0xff ? 0xff : 0);
      tail[0] = first;
      const spiffeId = `spiffe://mesh.test/serial/${at}` as SpiffeId;
      return {
        authority: "P-256",
        profile: "workload",
        spiffeId,
        dnsNames: [],
        prefix: at + 1,
        random: tail,
        nowMs: earliest + at * 1009,
        ttl: 60,
        key: "P-256",
      };
    }),
  ).flat();
}

export const wantedOf = ({ profile, spiffeId, dnsNames }: LeafCase): Wanted => {
  if (profile === "node") return { kind: "node", id: spiffeId };
  return profile === "server" ? { kind: "server", dnsNames } : { kind: "entry", entryId: "asked" };
};
