import { type Logger, pino } from "pino";

/** One JSON object a line on standard output; `program` and every fixed field stand in each line. */
export function createLogger(program: string, level: string): Logger {
  return pino({
    level,
    base: { program },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    // A second belt: nothing of ours logs these, and a mistake must not either.
    redact: {
      paths: ["pin", "token", "secret", "key", "privateKey", "*.pin", "*.token", "*.secret", "*.privateKey"],
      remove: true,
    },
  });
}

/** A fault or error as log fields: code, sentence and the chain of causes, without stacks of expected failures. */
export function failureFields(thrown: unknown): Record<string, unknown> {
  const causes: string[] = [];
  let cause: unknown = thrown;
  while (cause instanceof Error && causes.length < 5) {
    causes.push(cause.message);
    cause = cause.cause;
  }
  const code = (thrown as { code?: unknown }).code;
  const stack = code === "INTERNAL" || code === undefined ? (thrown as Error).stack : undefined;
  return { code, causes, ...(stack !== undefined && { stack }) };
}
