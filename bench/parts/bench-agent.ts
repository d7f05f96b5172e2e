import { LocalLeafKeys } from "../../src/backends/node-crypto/local-leaf-keys.ts";
import { JoinTokenContact } from "../../src/backends/server-client/join-token-contact.ts";
import {
  channelOptions,
  type ServerAddress,
  targetOf,
  verifiedTls,
} from "../../src/backends/server-client/tls.ts";
import { parseJoinToken } from "../../src/domain/identity/join-token.ts";
import type { SpiffeId } from "../../src/domain/identity/spiffe-id.ts";
import type { TrustDomain } from "../../src/domain/identity/trust-domain.ts";
import { NodeService } from "../../src/wire/node-api.ts";

type Joining = { readonly address: ServerAddress; readonly trustDomain: TrustDomain; readonly token: string };

/** A bench in the place of an agent: it has a node SVID and speaks the node API over mTLS, and nothing else of an agent. */
export class BenchAgent {
  readonly spiffeId: SpiffeId;
  readonly node: InstanceType<typeof NodeService>;

  private constructor(spiffeId: SpiffeId, node: InstanceType<typeof NodeService>) {
    this.spiffeId = spiffeId;
    this.node = node;
  }

  /** First contact as the agent makes it, with the agent's own code. */
  static async join(
    { address, trustDomain, token: tokenText }: Joining,
    signal: AbortSignal,
  ): Promise<BenchAgent> {
    const token = parseJoinToken(tokenText);
    if (!token.ok) throw new Error(token.error);
    const contact = new JoinTokenContact({
      address,
      trustDomain,
      token: token.value,
      tokenText,
      knownRoots: undefined,
    });
    const { csr, privateKey } = await new LocalLeafKeys().make(signal);
    const { issued, bundle } = await contact.attest(csr, undefined, signal);
    const { spiffeId } = contact;
    const now = new Date();
    const client = {
      ...{ spiffeId, chain: issued.chain, privateKey, authorityKeyId: issued.authorityKeyId },
      ...{ serial: "", notBefore: now, notAfter: now, entryId: "", hint: "" },
    };
    const tls = verifiedTls({ trustDomain, roots: bundle.anchors, lists: bundle.lists, client });
    return new BenchAgent(spiffeId, new NodeService(targetOf(address), tls, channelOptions));
  }

  close(): void {
    this.node.close();
  }
}
