/**
 * Who may import whom, as data: the one source for the check (.dependency-cruiser.mjs), for its tests
 * (test/architecture) and for the table in docs/architecture.md.
 */
export const mayImport = {
  foundation: [],
  domain: ["foundation"],
  generated: [],
  wire: ["generated", "foundation"],
  control: ["domain", "foundation"],
  custody: ["domain", "foundation"],
  agent: ["domain", "foundation"],
  protocols: ["wire", "generated", "control", "domain", "foundation"],
  backends: ["wire", "generated", "control", "custody", "agent", "domain", "foundation"],
  programs: [
    "protocols",
    "backends",
    "control",
    "custody",
    "agent",
    "wire",
    "generated",
    "domain",
    "foundation",
  ],
  client: ["wire", "generated", "domain", "foundation"],
};

/** Plumbing: the folders among siblings that their siblings may import. */
export const shared = { protocols: ["grpc", "http"], backends: ["store"], programs: ["config"] };
