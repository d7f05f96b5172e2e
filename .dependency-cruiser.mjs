import { mayImport, shared } from "./dependency-rules.mjs";

const inside = (name) => `^src/${name}/`;
// biome-ignore lint/complexity/useMaxParams: a rule is read best in dependency-cruiser's own order of fields
const error = (name, from, to, more) => ({ name, severity: "error", from, to, ...more });
const ours = "^src/(?!generated/)";
const test = "\\.test\\.ts$";
const vendor = ["npm", "npm-dev", "npm-optional", "npm-peer", "npm-no-pkg", "npm-unknown", "unknown"];

const rings = Object.entries(mayImport).map(([ring, may]) =>
  error(`ring-${ring}`, { path: inside(ring) }, { path: "^src/", pathNot: [ring, ...may].map(inside) }),
);

const siblings = (parent, except = []) =>
  error(
    `siblings-${parent}`,
    { path: `^src/${parent}/([^/]+)/`, pathNot: except },
    {
      path: inside(parent),
      pathNot: [`^src/${parent}/$1/`, ...shared[parent].map((plumbing) => inside(`${parent}/${plumbing}`))],
    },
  );

export default {
  forbidden: [
    ...rings,
    siblings("protocols"),
    siblings("backends"),
    siblings("programs", ["^src/programs/cli/dispatch\\.ts$"]),
    error(
      "pure-core",
      { path: "^src/(domain|foundation)/", pathNot: `^src/foundation/(digest|random)\\.ts$|${test}` },
      { dependencyTypes: ["core", ...vendor] },
    ),
    error(
      "no-vendor-in-use-cases",
      { path: "^src/(control|custody|agent)/", pathNot: test },
      { dependencyTypes: vendor },
    ),
    error(
      "agent-never-reaches-signing",
      { path: inside("programs/agent") },
      { path: "^src/(control|custody|backends/(pkcs11|store|sqlite|postgres))/", reachable: true },
    ),
    error(
      "signer-stays-small",
      { path: inside("programs/signer") },
      {
        path: "^src/(control|agent|protocols/(?!signer/|grpc/)|backends/(?!pkcs11/|peer-credentials/|telemetry/|signer-journal/))",
        reachable: true,
      },
    ),
    error(
      "one-hsm-door",
      { path: "^src/", pathNot: inside("backends/pkcs11") },
      { path: "node_modules/(pkcs11js|graphene-pk11)/" },
    ),
    error(
      "two-native-doors",
      { path: "^src/", pathNot: "^src/backends/(pkcs11|peer-credentials)/" },
      { path: "node_modules/koffi/" },
    ),
    error("no-cycles", { path: ours }, { circular: true }),
    error("no-folder-cycles", { path: ours }, { circular: true }, { scope: "folder" }),
    error(
      "no-junk-drawers",
      {},
      { path: "^src/(?!generated/).*\\b(utils?|helpers?|common|misc|shared|managers?)(/|\\.ts$)" },
    ),
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    doNotFollow: { path: "node_modules" },
  },
};
