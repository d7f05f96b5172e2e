import type { RegistrationEntry } from "../../domain/identity/registration-entry.ts";

/** The registrations in memory: the issuance path reads no database. */
export interface Registrations {
  entry(entryId: string): RegistrationEntry | undefined;
}
