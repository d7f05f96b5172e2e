import type { HolderRecord } from "../../domain/trust/holder-record.ts";

/** Field for field `meshmint.admin.v1.ProxyList`. */
export type ProxyList = { proxies: ProxyRecord[]; activeAuthority: string; bundleSequence: number };
export type ProxyRecord = { holder: HolderRecord; lagging: boolean; reasons: string[] };
