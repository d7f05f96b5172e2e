import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";

/** Which agents have a Watch stream open now, and with which program. In memory: a restart begins with nobody. */
export class Presence {
  readonly #open = new Map<SpiffeId, { streams: number; programVersion: string }>();

  get count(): number {
    return this.#open.size;
  }

  versionOf(agent: SpiffeId): string | undefined {
    return this.#open.get(agent)?.programVersion;
  }

  connected(agent: SpiffeId, programVersion: string): void {
    this.#open.set(agent, { streams: (this.#open.get(agent)?.streams ?? 0) + 1, programVersion });
  }

  disconnected(agent: SpiffeId): void {
    const known = this.#open.get(agent);
    if (known === undefined) return;
    if (known.streams === 1) this.#open.delete(agent);
    else known.streams -= 1;
  }
}
