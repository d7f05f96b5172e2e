/** What the ledger says of a step: the phase that is entered, but for the steps within a phase, and those of an incident. */
export function transitionName(detail: Readonly<Record<string, unknown>>): string {
  const { from, to, withdrawn, incident, cohortsOpened, soaking } = detail;
  if (withdrawn !== undefined) return "lists out";
  if (incident !== undefined) return to === "reissuing" ? "replacing" : "incident closed";
  if (cohortsOpened !== undefined) return `cohort ${cohortsOpened}${soaking ? " through" : "'s turn"}`;
  return from === to ? "authority closed" : String(to);
}
