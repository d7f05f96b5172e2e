/** What the ledger says of a step: the phase that is entered, but for the steps within a phase, and those of an incident. */
export function transitionName(detail: Readonly<Record<string, unknown>>): string {
  const { from, to, withdrawn, incident } = detail;
  if (withdrawn !== undefined) return "lists out";
  if (incident !== undefined) return to === "reissuing" ? "replacing" : "incident closed";
  return from === to ? "authority closed" : String(to);
}
