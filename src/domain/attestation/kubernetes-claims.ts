import { type Claims, claimAt } from "./claims.ts";

/**
 * Why a token is not that of an agent's pod, or undefined: a projected service account token, bound to a pod, which names its node, of
 * one of these service accounts (`NAMESPACE:NAME`).
 */
export function kubernetesFlaw(claims: Claims, serviceAccounts: readonly string[]): string | undefined {
  const at = (...path: string[]) => {
    const value = claimAt(claims, ["kubernetes.io", ...path]);
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const [namespace, name] = [at("namespace"), at("serviceaccount", "name")];
  if (namespace === undefined || name === undefined) return "the token is no Kubernetes service account's";
  const account = `${namespace}:${name}`;
  if (claimAt(claims, ["sub"]) !== `system:serviceaccount:${account}`)
    return "the token's subject is not the service account that it names";
  if (!serviceAccounts.includes(account)) return `the service account ${account} may not attest nodes`;
  if (at("pod", "name") === undefined || at("pod", "uid") === undefined)
    return "the token is not bound to a pod";
  return at("node", "name") === undefined
    ? "the token names no node; Kubernetes does so from 1.32 on, or with the feature ServiceAccountTokenPodNodeInfo"
    : undefined;
}
