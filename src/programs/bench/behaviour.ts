/** How a simulated holder treats what it is given. What its name does not say it does as a proxy in good health. */
export const behaviours = ["steady", "refusing", "slow", "flapping", "silent", "late"] as const;

/**
 * - steady: takes and acknowledges at once.
 * - refusing: refuses every bundle whose content is not that of its first one, until it is released.
 * - slow: takes and acknowledges each secret some time after it came.
 * - flapping: ends its streams at intervals and opens them again.
 * - silent: from the first change of the bundle on it takes and acknowledges nothing, as a proxy that hangs.
 * - late: is silent likewise until it is released, and then takes what it was given meanwhile.
 */
export type Behaviour = (typeof behaviours)[number];

/** Whether it hangs from the first change of the bundle on. */
export const fallsSilent = (behaviour: Behaviour): boolean => behaviour === "silent" || behaviour === "late";
