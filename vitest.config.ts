import { defineConfig } from "vitest/config";

/** Unit tests stand beside their module; whatever crosses a boundary (HSM, Envoy, processes) is under test/. */
export default defineConfig({
  test: {
    exclude: ["**/node_modules/**", "dist/**", ".parts/**", "test/architecture/broken-tree/**"],
    projects: [
      { extends: true, test: { name: "unit", include: ["src/**/*.test.ts"] } },
      {
        extends: true,
        test: {
          name: "parts",
          include: ["test/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          maxWorkers: 2,
        },
      },
    ],
  },
});
