import { selectorFlaws } from "../../domain/policy/selector.ts";
import { parseCgroups } from "../../domain/workload/cgroup-paths.ts";
import { type UnitPlace, unitOf } from "../../domain/workload/systemd-unit.ts";
import type { AgentObserver } from "../agent-event.ts";
import { OddGroups } from "./odd-groups.ts";
import type { ProcessTable } from "./process-facts.ts";
import type { AttestorQuestion, WorkloadAttestor } from "./workload-attestor.ts";

/** A unit as systemd's manager tells of it; empty texts where it has none. */
export type UnitFacts = {
  readonly id: string;
  readonly fragmentPath: string;
  /** Path of its control group. */
  readonly controlGroup: string;
};

/** The units of this node. */
export interface UnitDirectory {
  /**
   * What the manager says of a unit, `no-manager` where none can be asked on this node (it does not run here, or the agent
   * is in a container). Rejects with ATTESTOR_UNAVAILABLE when one is there and does not answer.
   */
  describe(unit: string, signal: AbortSignal): Promise<UnitFacts | "no-manager">;
  /** Whether root alone may name groups along the way to a unit's: all slices above it are root's. Rejects likewise. */
  isRoots(place: UnitPlace): Promise<boolean>;
}

export type SystemdAttestorDeps = {
  readonly processes: Pick<ProcessTable, "cgroupsOf">;
  readonly units: UnitDirectory;
  readonly observer: AgentObserver;
};

/** Which unit of the system a process belongs to, by its control group, as systemd confirms it. */
export class SystemdAttestor implements WorkloadAttestor {
  readonly name = "systemd";
  readonly #deps: SystemdAttestorDeps;
  readonly #odd: OddGroups;

  constructor(deps: SystemdAttestorDeps) {
    this.#deps = deps;
    this.#odd = new OddGroups(this.name, deps.observer);
  }

  async attest({ process }: AttestorQuestion, signal: AbortSignal): Promise<readonly string[]> {
    const paths = parseCgroups(await this.#deps.processes.cgroupsOf(process.pid));
    const found = paths.ok ? unitOf(paths.value) : paths;
    if (!found.ok) return this.#odd.refuse(process, found.error);
    const place = found.value;
    if (place === undefined) return [];
    const said = await this.#deps.units.describe(place.unit, signal);
    if (said === "no-manager") {
      if (await this.#deps.units.isRoots(place)) return selectorsOf({ id: place.unit, fragmentPath: "" });
      return this.#odd.refuse(process, `others than root may name control groups above ${place.unit}'s`);
    }
    if (said.controlGroup === place.path) return selectorsOf(said);
    return this.#odd.refuse(process, `systemd does not have ${place.unit} where its control group is`);
  }
}

const selectorsOf = ({ id, fragmentPath }: Pick<UnitFacts, "id" | "fragmentPath">): readonly string[] =>
  [`systemd:id:${id}`, `systemd:fragment_path:${fragmentPath}`].filter(
    (selector) => selectorFlaws([selector]).length === 0,
  );
