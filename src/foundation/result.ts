/** A refusal that the caller can act on is a value; a failure that only an operator can mend is a thrown Fault. */
export type Result<T, E> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: E };

export const ok = <T>(value: T): { readonly ok: true; readonly value: T } => ({ ok: true, value });

export const refused = <E>(error: E): { readonly ok: false; readonly error: E } => ({ ok: false, error });
