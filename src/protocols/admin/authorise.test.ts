import { expect, test } from "vitest";
import { AdminService } from "../../wire/admin-api.ts";
import { type AdminCaller, type AdminMethod, authorise, type Role } from "./authorise.ts";

const methods = Object.keys(AdminService.service) as AdminMethod[];
const may = (role: Role | undefined): AdminMethod[] => {
  const caller: AdminCaller = { actor: "spiffe://mesh.example/a", role, isLocal: false };
  return methods.filter((method) => authorise(caller, method));
};

test("without a role nothing is allowed; each role may do what the one before it may, and more", () => {
  expect(may(undefined)).toEqual([]);
  const [viewer, operator, officer] = [may("viewer"), may("operator"), may("security-officer")];
  expect(operator).toEqual(expect.arrayContaining(viewer));
  expect(officer).toEqual(methods);
  expect(viewer.length).toBeLessThan(operator.length);
  expect(operator.length).toBeLessThan(officer.length);
});

test("a viewer changes nothing, an operator does not move trust", () => {
  expect(
    may("viewer").filter((method) => !/^(Get|List|Verify|Read|Forecast|Search|Prove)/.test(method)),
  ).toEqual([]);
  expect(may("operator").filter((method) => /Rotation$/.test(method))).toEqual([
    "GetRotation",
    "ForecastRotation",
  ]);
});
