import { defineConfig } from "vitest/config";

/** Unit tests stand beside their module; whatever crosses a boundary (HSM, Envoy, processes) is under test/. */
export default defineConfig({
  test: {
    exclude: ["**/node_modules/**", "dist/**", ".parts/**", "test/architecture/broken-tree/**"],
    // One more than the two cores of the least machine: half of what the long ones take they wait for programs and lifetimes.
    maxWorkers: 3,
    projects: [
      {
        extends: true,
        // What they import they have in common, and none of it has a state of its own: a process for each took most of their time.
        test: { name: "unit", include: ["src/**/*.test.ts"], isolate: false },
      },
      {
        extends: true,
        test: {
          name: "parts",
          include: ["test/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
