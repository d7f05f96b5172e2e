import type { RegistrationEntry } from "../../src/domain/identity/registration-entry.ts";
import type { SpiffeId } from "../../src/domain/identity/spiffe-id.ts";
import type { TrustDomain } from "../../src/domain/identity/trust-domain.ts";
import type { Bundle } from "../../src/domain/trust/bundle.ts";
import type { NodeFeed } from "../../src/protocols/node/ports.ts";

const trustDomain = "mesh.test" as TrustDomain;

/** What agents are told of, set by the test; `changed` tells every listener. */
export class FakeNodeFeed implements NodeFeed {
  entries: RegistrationEntry[] = [];
  current: Bundle = { trustDomain, sequence: 1, anchors: [], lists: [] };
  readonly #listeners = new Set<() => void>();
  entriesOf = (id: SpiffeId) => this.entries.filter((entry) => entry.parentId === id);
  bundle = () => this.current;
  notice = () => ({ activeKeyId: "aa", reissueSpreadMs: 1000, emergency: false });
  onChange(_agent: SpiffeId, listener: () => void) {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
  changed = () => {
    for (const listener of this.#listeners) listener();
  };
}
