import type { OfferedRotation } from "../../control/rotation/decide-start.ts";
import type { RotationRefusal } from "../../control/rotation/rotation-status.ts";
import { parseCohortRules } from "../../domain/trust/cohorts.ts";
import { days, type Seconds, seconds } from "../../foundation/duration.ts";
import { Fault, type FaultCode } from "../../foundation/fault.ts";
import type { Result } from "../../foundation/result.ts";
import { forecastMessage } from "./forecast-message.ts";
import type { AdminHandlers } from "./handler.ts";
import type { AdminPorts } from "./ports.ts";
import { reasonOf } from "./reason-of.ts";
import { stockSummary } from "./stock-handlers.ts";

type Methods =
  | "GetRotation"
  | "ForecastRotation"
  | "StartRotation"
  | "ActivateRotation"
  | "RetireRotation"
  | "RollbackRotation"
  | "PauseRotation"
  | "ResumeRotation"
  | "StartIncident"
  | "GetIncident"
  | "ListProxies";
type Ports = Pick<AdminPorts, "rotation" | "forecast" | "proxies" | "stock" | "defaultSoak">;

export const rotationHandlers = ({
  rotation,
  forecast,
  proxies,
  stock,
  defaultSoak,
}: Ports): AdminHandlers<Methods> => ({
  GetRotation: async () => ({ ...rotation.status(), stock: stockSummary(stock) }),
  async ForecastRotation(request, { signal }) {
    return forecastMessage(done(await forecast(whatIfIn(request, defaultSoak), signal)));
  },
  async StartRotation(request, { actor, signal }) {
    const offered = { ...offeredBy(request), cohorts: cohortsIn(request, defaultSoak) };
    return done(await rotation.start(offered, { actor, expectedRevision: request.expectedRevision }, signal));
  },
  async ActivateRotation({ expectedRevision, forceReason }, { actor, signal }) {
    const force = forceOf(forceReason);
    return done(await rotation.activate({ actor, expectedRevision, force }, signal));
  },
  async RetireRotation({ expectedRevision, strict, forceReason }, { actor, signal }) {
    const force = forceOf(forceReason);
    if (strict && force !== undefined)
      throw new Fault("INVALID_ARGUMENT", "a retirement is strict or forced, not both");
    return done(await rotation.retire({ actor, expectedRevision, strict, force }, signal));
  },
  async RollbackRotation({ expectedRevision, reason: given, force }, { actor, signal }) {
    const reason = reasonOf("a roll-back", given);
    return done(await rotation.rollback({ actor, expectedRevision, reason, force }, signal));
  },
  async PauseRotation({ expectedRevision, reason: given }, { actor, signal }) {
    const reason = reasonOf("a pause", given);
    return done(await rotation.pause({ actor, expectedRevision, reason }, signal));
  },
  ResumeRotation: async ({ expectedRevision }, { actor, signal }) =>
    done(await rotation.resume({ actor, expectedRevision }, signal)),
  async StartIncident(request, { actor, signal }) {
    const { authority, intermediateDer: intermediate, revocationListsDer: lists, expectedRevision } = request;
    const reason = reasonOf("an incident", request.reason);
    done(
      await rotation.incident(
        { authority, intermediate, lists },
        { actor, expectedRevision, reason },
        signal,
      ),
    );
    return rotation.incidentStatus();
  },
  GetIncident: async () => rotation.incidentStatus(),
  ListProxies: async ({ laggingOnly }) => proxies({ laggingOnly }),
});

type Files = {
  readonly rootDer: Buffer;
  readonly intermediateDer: Buffer;
  readonly crossDer: Buffer;
  readonly revocationListsDer: readonly Buffer[];
};

const offeredBy = ({
  rootDer,
  intermediateDer,
  crossDer,
  revocationListsDer: lists,
}: Files): OfferedRotation => ({
  root: rootDer.length === 0 ? undefined : rootDer,
  intermediate: intermediateDer,
  cross: crossDer.length === 0 ? undefined : crossDer,
  ...(lists.length > 0 && { lists }),
});

type Cohorts = { readonly cohorts: string[]; readonly soakSeconds: number; readonly withoutCohorts: boolean };

/** What is asked about; nothing where it is the rotation that is under way. */
function whatIfIn(request: Files & Cohorts, defaultSoak: Seconds): OfferedRotation | undefined {
  const { rootDer, intermediateDer, crossDer, revocationListsDer: lists } = request;
  const cohorts = cohortsIn(request, defaultSoak);
  if (intermediateDer.length + rootDer.length + crossDer.length + lists.length > 0)
    return { ...offeredBy(request), cohorts };
  if (cohorts === undefined) return undefined;
  throw new Fault("INVALID_ARGUMENT", "cohorts belong to what is to be started: name its intermediate");
}

const longestSoak = days(30);

/** Throws INVALID_ARGUMENT with what is wrong. */
function cohortsIn(request: Cohorts, defaultSoak: Seconds): OfferedRotation["cohorts"] {
  const { cohorts, soakSeconds, withoutCohorts } = request;
  if (cohorts.length === 0) {
    if (soakSeconds > 0) throw new Fault("INVALID_ARGUMENT", "a soak time belongs to cohorts: name them");
    return withoutCohorts ? "none" : undefined;
  }
  if (withoutCohorts)
    throw new Fault("INVALID_ARGUMENT", "cohorts are named, and none are wanted: one of the two");
  const rules = parseCohortRules(cohorts);
  if (!rules.ok) throw new Fault("INVALID_ARGUMENT", rules.error);
  if (soakSeconds > longestSoak) throw new Fault("INVALID_ARGUMENT", "a cohort soaks 30 days at most");
  return { rules: rules.value, soak: soakSeconds === 0 ? defaultSoak : seconds(soakSeconds) };
}

const forceOf = (reason: string): string | undefined =>
  reason === "" ? undefined : reasonOf("force", reason);

const faultOf = {
  "stale-revision": "STORE_CONFLICT",
  "wrong-phase": "ROTATION_REFUSED",
  behind: "ROTATION_REFUSED",
  "bad-certificate": "INVALID_ARGUMENT",
  "unknown-key": "ROTATION_REFUSED",
  frozen: "ROTATION_REFUSED",
} as const satisfies Record<RotationRefusal["code"], FaultCode>;

function done<T>(outcome: Result<T, RotationRefusal>): T {
  if (outcome.ok) return outcome.value;
  throw new Fault(faultOf[outcome.error.code], outcome.error.message);
}
