/** What SDS tells telemetry. Labels and refusals come from the proxy: texts to show, never metric labels. */
export type SdsEvent =
  | { readonly kind: "stream-opened" | "stream-closed"; readonly protocol: "sotw" | "delta" }
  | { readonly kind: "delivered"; readonly label: string; readonly name: string; readonly version: string }
  | { readonly kind: "acknowledged"; readonly label: string; readonly name: string; readonly version: string }
  | {
      readonly kind: "refused";
      readonly label: string;
      readonly name: string;
      readonly version: string;
      readonly detail: string;
    }
  /** A process asks for a name that is not for it: silence in SotW, `removed_resources` in Delta. Said once per session, of a hundred names at most. */
  | { readonly kind: "unauthorised"; readonly pid: number; readonly name: string }
  /** A request that answers an older response than the last one. */
  | { readonly kind: "stale-request"; readonly label: string }
  /** A secret that Envoy would refuse: held back. A bug, or a wrong import; page on it. */
  | { readonly kind: "withheld"; readonly name: string; readonly flaw: string };

export interface SdsObserver {
  saw(event: SdsEvent): void;
}
