declare const brand: unique symbol;

/** A value that carries the proof of its own parsing: minted only by a parser or a named unit function. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };
