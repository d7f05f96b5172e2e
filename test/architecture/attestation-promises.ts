/** What a type's cell in docs/configuration.md promises: values that are taken, and values that are refused. */
export type Range = { readonly allowed: readonly unknown[]; readonly refused: readonly unknown[] };

const issuersOf = (count: number, more: object) =>
  Array.from({ length: count }, (_, at) => ({
    name: `issuer-${at}`,
    issuer: `https://issuer-${at}.example`,
    audience: "meshmint",
    ...more,
  }));

/** Of the keys of nodeAttestation. */
export const attestationPromises: readonly (readonly [RegExp, (most: string) => Range])[] = [
  [
    /^list of at most (\d+) issuers$/,
    (most) => ({
      allowed: [[], issuersOf(+most, { rules: [{ claim: "a/b", oneOf: ["x"] }], agentId: "{sub}" })],
      refused: [
        issuersOf(+most + 1, { rules: [{ claim: "sub", equals: "x" }], agentId: "{sub}" }),
        issuersOf(1, { rules: [], agentId: "{sub}" }),
        issuersOf(1, { rules: [{ claim: "sub" }], agentId: "{sub}" }),
        issuersOf(1, { rules: [{ claim: "sub", equals: "x", startsWith: "x" }], agentId: "{sub}" }),
        issuersOf(1, {
          rules: [{ claim: "sub", equals: "x" }],
          agentId: "{sub}",
          jwksFile: "a",
          jwksUrl: "https://a/b",
        }),
        issuersOf(1, { rules: [{ claim: "sub", equals: "x" }], agentId: "{sub}", issuer: "http://a" }),
        issuersOf(2, { rules: [{ claim: "sub", equals: "x" }], agentId: "{sub}", issuer: "https://same" }),
      ],
    }),
  ],
  [
    /^list of at most (\d+) clusters$/,
    (most) => ({
      allowed: [
        [],
        issuersOf(+most, { serviceAccounts: ["ns:agent"] }),
        issuersOf(1, {
          serviceAccounts: ["ns:agent"],
          issuer: "kubernetes/serviceaccount",
          jwksFile: "keys.json",
        }),
      ],
      refused: [
        issuersOf(+most + 1, { serviceAccounts: ["ns:agent"] }),
        issuersOf(1, { serviceAccounts: ["agent"] }),
        issuersOf(1, {}),
      ],
    }),
  ],
  [
    /^template of certificate fields$/,
    () => ({
      allowed: ["{san.dns}", "rack-{subject.organizationalUnit}/{subject.commonName}"],
      refused: ["node", "{subject.title}", "{san.dns}{san.dns}", "/{san.dns}", "../{san.dns"],
    }),
  ],
];
