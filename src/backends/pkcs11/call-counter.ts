type Methods = Record<string, unknown>;

/** What the thread that makes the calls shares with the one that watches it: one number. */
export const newCallCounter = (): Int32Array => new Int32Array(new SharedArrayBuffer(4));

/**
 * Has every call into the module counted as it begins and as it ends: the counter is odd for as long as this thread is inside
 * one. No clock is read, so that a signature of a tenth of a millisecond does not pay for it; whoever watches has its own.
 */
export function countCalls(library: object, counter: Int32Array): void {
  const methods = library as Methods;
  // A method of the binding may call another: only the outermost one counts.
  let depth = 0;
  for (const name in methods) {
    const method = methods[name];
    if (!name.startsWith("C_") || typeof method !== "function") continue;
    methods[name] = (...given: unknown[]): unknown => {
      if (depth === 0) Atomics.add(counter, 0, 1);
      depth += 1;
      try {
        return method.apply(library, given);
      } finally {
        depth -= 1;
        if (depth === 0) Atomics.add(counter, 0, 1);
      }
    };
  }
}
