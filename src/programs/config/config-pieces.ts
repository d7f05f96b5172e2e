import { isAbsolute, resolve } from "node:path";
import { z } from "zod";
import { parseSpiffeId } from "../../domain/identity/spiffe-id.ts";
import { parseTrustDomain } from "../../domain/identity/trust-domain.ts";
import { formatDuration, parseDuration, type Seconds } from "../../foundation/duration.ts";
import type { Result } from "../../foundation/result.ts";

/** A zod piece out of a parser of ours: the parser's own sentence becomes the configuration's complaint. */
export const parsedBy = <T>(parse: (text: string) => Result<T, string>) =>
  z.string().transform((text, context) => {
    const result = parse(text);
    if (result.ok) return result.value;
    context.addIssue({ code: "custom", message: result.error, input: text });
    return z.NEVER;
  });

export const trustDomain = parsedBy(parseTrustDomain);
export const spiffeId = parsedBy(parseSpiffeId);

/** `1h`, `90s`, `30d`. */
export const duration = parsedBy(parseDuration);

/** A duration within [least, most], both included. */
export const durationWithin = (least: Seconds, most: Seconds) =>
  duration.refine((span) => span >= least && span <= most, {
    message: `must lie between ${formatDuration(least)} and ${formatDuration(most)}`,
  });

/** A TCP port; 0 lets the kernel choose. */
export const port = z.int().min(0).max(65_535);

/** `127.0.0.1:8443`, `[::1]:8443` or `0.0.0.0:0`; port 0 lets the kernel choose. */
export type HostPort = { readonly host: string; readonly port: number };

export const hostPort = z.string().transform((text, context): HostPort => {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^[\]:\s]+)):(\d{1,5})$/.exec(text);
  const number = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  if (host !== undefined && number <= 65_535) return { host, port: number };
  context.addIssue({
    code: "custom",
    message: "is not host:port; write 127.0.0.1:8443, or [::1]:8443 for IPv6",
    input: text,
  });
  return z.NEVER;
});

/** `0660`: file permissions as octal text, since a YAML number would be read as decimal. */
export const fileMode = z
  .string()
  .regex(/^0?[0-7]{3}$/, 'is not a file mode; write it as octal text, such as "0660"')
  .transform((text) => Number.parseInt(text, 8));

/** Pieces that depend on where the file lies: a relative path counts from the configuration file's own folder. */
export type FilePieces = { readonly path: z.ZodType<string, string> };

export const piecesFor = (folder: string): FilePieces => ({
  path: z
    .string()
    .min(1)
    .transform((text) => (isAbsolute(text) ? text : resolve(folder, text))),
});
