import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Fault } from "../../foundation/fault.ts";

const brought = fileURLToPath(new URL("../../../.parts/envoy-1.40.0/envoy", import.meta.url));

/** The Envoy to run: the one named, the one that the set-up brought, or `envoy` on PATH. Throws NOT_FOUND. */
export async function findEnvoy(from: {
  readonly named: string | undefined;
  readonly searchPath: string;
}): Promise<string> {
  const onPath = from.searchPath.split(delimiter).map((folder) => join(folder, "envoy"));
  for (const candidate of from.named === undefined ? [brought, ...onPath] : [from.named]) {
    const runs = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (runs) return candidate;
  }
  throw new Fault(
    "NOT_FOUND",
    from.named === undefined
      ? "no Envoy found; run `sh deploy/setup.sh demo`, or name one in MESHMINT_ENVOY"
      : `MESHMINT_ENVOY names ${from.named}, which cannot be run`,
  );
}
