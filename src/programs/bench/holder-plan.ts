import { type Behaviour, behaviours } from "./behaviour.ts";
import type { SdsProtocol } from "./secret-subscription.ts";

/** What a simulated holder is; fixed before it starts. */
export type HolderPlan = {
  /** From 1, in its fleet. */
  readonly n: number;
  readonly spiffeId: string;
  /** The validation secret that it asks for: `ALL`, or `ROOTCA` for a plain trusted_ca. */
  readonly bundleName: string;
  /** Its agent's socket. */
  readonly socket: string;
  readonly protocol: SdsProtocol;
  readonly behaviour: Behaviour;
};

export type FleetShape = {
  /** One for each holder. */
  readonly spiffeIds: readonly string[];
  /** Agents' sockets, dealt out in turn: the first holder is at the first. */
  readonly sockets: readonly string[];
  /** Share that speaks Delta, 0 to 1. */
  readonly deltaShare: number;
  /** How many behave otherwise than steadily. */
  readonly counts: Readonly<Partial<Record<Exclude<Behaviour, "steady">, number>>>;
};

/** Every third holder asks for a plain trusted_ca, the others for what Envoy's SPIFFE validator takes. */
const plainEvery = 3;

/** Deals out sockets, protocols and behaviours: the first holders are those that do not behave steadily. */
export function planFleet({ spiffeIds, sockets, deltaShare, counts }: FleetShape): HolderPlan[] {
  const special = behaviours.flatMap((behaviour) =>
    behaviour === "steady" ? [] : Array.from({ length: counts[behaviour] ?? 0 }, () => behaviour),
  );
  return spiffeIds.map((spiffeId, at) => ({
    n: at + 1,
    spiffeId,
    bundleName: at % plainEvery === plainEvery - 1 ? "ROOTCA" : "ALL",
    socket: sockets[at % sockets.length] ?? "",
    protocol: Math.floor((at + 1) * deltaShare) > Math.floor(at * deltaShare) ? "delta" : "sotw",
    behaviour: special[at] ?? "steady",
  }));
}
