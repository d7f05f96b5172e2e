import { sha256Hex } from "../../foundation/digest.ts";
import { days, hours, type Seconds } from "../../foundation/duration.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";
import { pathOf, type SpiffeId } from "../identity/spiffe-id.ts";

export type ProfileName = "workload" | "node" | "server";

/**
 * What kind of leaf is made. All three are X.509-SVIDs with one set of extensions (leaf-template.ts); they differ in who may
 * have them and for how long. The version is a digest of the content: pinned for a whole issuance, and in the retry key.
 */
export type LeafProfile = {
  readonly name: ProfileName;
  readonly version: string;
  readonly defaultTtl: Seconds;
  /** The longest lifetime that an entry may ask for. */
  readonly ttlCap: Seconds;
};

export type LeafProfiles = Readonly<Record<ProfileName, LeafProfile>>;

/** A profile of these lifetimes; throws where the default is above the cap or either is zero: a configuration's mistake. */
export function leafProfile(name: ProfileName, defaultTtl: Seconds, ttlCap: Seconds): LeafProfile {
  if (defaultTtl <= 0 || defaultTtl > ttlCap)
    throw new RangeError(`profile ${name}: 0 < defaultTtl <= ttlCap`);
  const version = sha256Hex(`${name} ${defaultTtl} ${ttlCap}`).slice(0, 16);
  return Object.freeze({ name, version, defaultTtl, ttlCap });
}

/** 1 h for workloads, 24 h for nodes and the server. */
export const defaultProfiles: LeafProfiles = Object.freeze({
  workload: leafProfile("workload", hours(1), hours(24)),
  node: leafProfile("node", hours(24), days(7)),
  server: leafProfile("server", hours(24), days(7)),
});

/** The lifetime to give: what was asked for, or the default for 0; refused above the cap. */
export function chooseTtl(
  profile: LeafProfile,
  asked: Seconds,
): Result<Seconds, { code: "ttl-above-cap"; cap: Seconds }> {
  if (asked === 0) return ok(profile.defaultTtl);
  return asked <= profile.ttlCap ? ok(asked) : refused({ code: "ttl-above-cap", cap: profile.ttlCap });
}

/**
 * Why this profile may not bear the ID, or undefined. `/meshmint/…` is reserved: a workload that held such an ID would be
 * taken for the server or for an agent.
 */
export function idFlaw(profile: ProfileName, id: SpiffeId): string | undefined {
  const path = pathOf(id);
  switch (profile) {
    case "workload":
      if (path === "") return "a leaf's SPIFFE ID has a path (X509-SVID §2)";
      return path === "/meshmint" || path.startsWith("/meshmint/")
        ? "/meshmint/… is reserved and never a workload's"
        : undefined;
    case "node":
      return /^\/meshmint\/agent\/[^/]+\/./.test(path)
        ? undefined
        : "an agent's ID is /meshmint/agent/ATTESTOR/ID";
    case "server":
      return path === "/meshmint/server" ? undefined : "the server's ID is /meshmint/server";
    default:
      return profile satisfies never;
  }
}
