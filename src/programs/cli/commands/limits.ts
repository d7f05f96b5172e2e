import type { AdminReply } from "../../../backends/admin-client/admin-client.ts";
import { type AdminOptions, asAdminCommand, runAdmin } from "../admin-command.ts";
import type { Registration } from "../command-frame.ts";
import { textTable } from "../text-table.ts";

/** `meshmint limits`: what issuance allows, what it carries, what waits and who is turned away. */
export const registerLimits: Registration = (program, frame) => {
  asAdminCommand(program.command("limits"))
    .description("limits of issuance: rates, learned capacity, what waits, and who was turned away")
    .action((options: AdminOptions) =>
      runAdmin(frame, options, async (client, { signal }) => {
        const limits = await client.call("GetLimits", {}, signal);
        return { text: textOf(limits), json: limits };
      }),
    );
};

type Limits = AdminReply<"GetLimits">;

const textOf = (limits: Limits): string =>
  [
    summaryOf(limits),
    textTable(
      ["CLASS", "WAITING", "ADMITTED", "OVER A LIMIT", "NO ROOM", "SHED"],
      limits.classes.map(({ name, waiting, admitted, limited, queueFull, shed }) =>
        [name, waiting, admitted, limited, queueFull, shed].map(String),
      ),
    ),
    textTable(
      ["TENANT", "WAITING", "WEIGHT"],
      limits.tenants.map(({ name, waiting, weight }) => [name || "(none)", String(waiting), String(weight)]),
    ),
    limitedTable("LIMITED IDENTITY", limits.limitedIdentities),
    limitedTable("LIMITED TENANT", limits.limitedTenants),
  ]
    .filter((part) => part !== "")
    .join("\n\n");

function summaryOf(limits: Limits): string {
  const { perIdentity, perTenant, capacityPerSecond, underWay, window, waiting, queueMaxItems } = limits;
  const learned = capacityPerSecond === 0 ? "not known yet" : `${rounded(capacityPerSecond)} leaves/s`;
  return [
    `each identity    ${rateText(perIdentity)}`,
    `each tenant      ${rateText(perTenant)}`,
    `the server       ${learned}, learned; ${limits.longestWaitMs / 1000} s of it may wait, ${limits.reservedPercent} % of that for urgent ones alone`,
    `waiting          ${waiting} of at most ${queueMaxItems}; answered within ${limits.answerWithinMs / 1000} s or shed`,
    `under way        ${underWay} of ${window}`,
  ].join("\n");
}

const rateText = (rate: Limits["perIdentity"]): string =>
  rate === null ? "" : `${rounded(rate.perSecond)} leaves/s, ${rate.burst} at once`;

const rounded = (count: number): string => String(Math.round(count * 100) / 100);

const limitedTable = (title: string, accounts: Limits["limitedIdentities"]): string =>
  textTable(
    [title, "REFUSED"],
    accounts.map(({ name, refusals }) => [name || "(none)", String(refusals)]),
  );
