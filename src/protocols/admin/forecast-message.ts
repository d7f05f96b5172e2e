import type { RotationForecast } from "../../control/rotation/forecast-rotation.ts";
import type { ForecastReason, ForecastStep } from "../../domain/trust/rotation-forecast.ts";
import type { RotationForecast as Message } from "../../generated/meshmint/admin/v1/RotationForecast.ts";

export function forecastMessage(forecast: RotationForecast): Message {
  const { census, lease, soak, signaturesPerSecond = 0, steps, ...same } = forecast;
  return {
    ...same,
    steps: steps.map(stepMessage),
    leaseSeconds: lease,
    soakSeconds: soak,
    certificates: census.identities,
    lastCertificates: census.last.map(({ requester, spiffeId, notAfter }) => ({
      ...{ requester, spiffeId, notAfterMs: notAfter.getTime() },
    })),
    signaturesPerSecond,
  };
}

const stepMessage = ({ name, by, state, expected, most, because }: ForecastStep) => ({
  ...{ name, by, state, expectedSeconds: expected ?? -1, mostSeconds: most ?? -1 },
  because: because.map(reasonMessage),
});

const reasonMessage = (reason: ForecastReason) => ({
  what: reason.what,
  seconds: "length" in reason ? reason.length : 0,
  count: "count" in reason ? reason.count : 0,
  perSecond: reason.what === "signing" ? reason.perSecond : 0,
});
