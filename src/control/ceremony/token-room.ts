import type { Curve } from "./ca-template.ts";
import { refusal } from "./conduct.ts";
import type { AuthorityKey, CeremonyToken, OrphanKey, TokenDoor } from "./ports.ts";
import type { OrphanNote, TokenNote } from "./transcript.ts";

/** A token looked into before the ceremony: whether it is there, and what stands in the way of the wanted labels. */
export type TokenRoom = {
  readonly door: TokenDoor;
  readonly use: string;
  readonly token: CeremonyToken | undefined;
  readonly orphans: readonly OrphanKey[];
  /** What is there already, under other labels. */
  readonly authorities: readonly AuthorityKey[];
};

/** Looks for room for new keys with these labels. Refuses a label that a finished key has; keeps its orphans in view. */
export async function lookInto(
  door: TokenDoor,
  wanted: { readonly use: string; readonly labels: readonly string[] },
  signal: AbortSignal,
): Promise<TokenRoom> {
  const token = await door.find(signal);
  const found = (await token?.list(signal)) ?? { authorities: [], orphans: [] };
  const wantedLabel = ({ label }: OrphanKey) => wanted.labels.includes(label);
  const taken = found.authorities.filter(wantedLabel);
  if (taken.length > 0) {
    const names = taken.map((key) => `"${key.label}"`).join(", ");
    throw refusal(
      `found ${names} in token "${door.label}" already; choose another label, keys are never overwritten`,
    );
  }
  const orphans = found.orphans.filter(wantedLabel);
  return { door, use: wanted.use, token, orphans, authorities: found.authorities };
}

/** The sentences of the plan that concern this token. */
export function planFor(room: TokenRoom, curve: Curve, labels: readonly string[]): string[] {
  const plan = room.token ? [] : [`initialise token "${room.door.label}" (${room.use})`];
  for (const orphan of room.orphans) {
    plan.push(
      `destroy orphan key "${orphan.label}" (${orphan.keyId}), left in "${room.door.label}" by a ceremony that failed`,
    );
  }
  for (const label of labels) plan.push(`generate ${curve} key "${label}" in token "${room.door.label}"`);
  return plan;
}

export type EnteredRoom = {
  readonly token: CeremonyToken;
  readonly note: TokenNote;
  readonly destroyed: readonly OrphanNote[];
};

/** Makes the token where it is missing and clears the orphans away. */
export async function enter(room: TokenRoom, signal: AbortSignal): Promise<EnteredRoom> {
  const token = room.token ?? (await room.door.initialize(signal));
  const note = { label: room.door.label, use: room.use, initialized: room.token === undefined };
  for (const orphan of room.orphans) await token.destroy(orphan, signal);
  return {
    token,
    note,
    destroyed: room.orphans.map((orphan) => ({ tokenLabel: room.door.label, ...orphan })),
  };
}

/** The one finished CA key of that label. Refuses by name when there is none, or more than one. */
export async function requireCaKey(
  door: TokenDoor,
  label: string,
  signal: AbortSignal,
): Promise<{ readonly token: CeremonyToken; readonly key: AuthorityKey }> {
  const token = await door.find(signal);
  if (!token)
    throw refusal(`needs token "${door.label}", which does not exist; hold the root ceremony first`);
  const { authorities, orphans } = await token.list(signal);
  const [key, ...others] = authorities.filter((candidate) => candidate.label === label);
  if (key && others.length === 0) return { token, key };
  const where = `in token "${door.label}"`;
  if (key) throw refusal(`finds ${others.length + 1} keys "${label}" ${where}; it needs exactly one`);
  if (orphans.some((orphan) => orphan.label === label)) {
    throw refusal(`finds key "${label}" ${where} without a certificate: an orphan of a ceremony that failed`);
  }
  throw refusal(`finds no key "${label}" ${where}; hold the root ceremony first`);
}
