import type { SvidChain } from "../../generated/meshmint/node/v1/SvidChain.ts";
import type { IssuedChain } from "./ports.ts";

export const svidChainMessage = (issued: IssuedChain): SvidChain => ({
  chainDer: issued.chain.map((certificate) => Buffer.from(certificate)),
  authorityKeyId: issued.authorityKeyId,
});
