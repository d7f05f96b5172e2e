import type { TokenKey } from "../../control/signing/signer.ts";
import type { Der } from "../../domain/certificate/der.ts";
import { fromHex, toHex } from "../../domain/certificate/hex.ts";
import { Fault } from "../../foundation/fault.ts";
import type { HeldKey__Output } from "../../generated/meshmint/signer/v1/HeldKey.ts";
import type { KeyPage__Output } from "../../generated/meshmint/signer/v1/KeyPage.ts";
import type { ListKeysRequest } from "../../generated/meshmint/signer/v1/ListKeysRequest.ts";

/** More keys than any token of ours has; whoever names more is not read on. */
const mostKeys = 1024;
const mostIdBytes = 64;
const mostCertificateBytes = 16_384;
const mostText = 300;

/**
 * All keys of a token, page by page. The pages must come in order, so that no signer can keep its reader for ever. Rejects as
 * `ask` does, and with SIGNER_UNAVAILABLE for an answer that no signer of ours gives.
 */
export async function readKeyPages(
  ask: (request: ListKeysRequest) => Promise<KeyPage__Output>,
): Promise<readonly TokenKey[]> {
  const keys: TokenKey[] = [];
  for (;;) {
    const page = await ask(requestBehind(keys.at(-1)));
    for (const message of page.keys) {
      const key = keyOf(message);
      if (!isBehind(key, keys.at(-1))) throw strange("its keys are not in order");
      keys.push(key);
      if (keys.length > mostKeys) throw strange(`it names more than ${mostKeys} keys`);
    }
    if (!page.more) return keys;
    if (page.keys.length === 0) throw strange("it says that there is more, and gives nothing");
  }
}

function requestBehind(last: TokenKey | undefined): ListKeysRequest {
  if (last === undefined) return {};
  return { after: { keyId: Buffer.from(fromHex(last.keyId) ?? []), label: last.label } };
}

function keyOf({ keyId, label, certificateDer, flaw }: HeldKey__Output): TokenKey {
  if (keyId.length > mostIdBytes) throw strange(`a key id has ${keyId.length} bytes`);
  if (label.length > mostText) throw strange(`a label has ${label.length} characters`);
  if (certificateDer.length > mostCertificateBytes)
    throw strange(`a certificate has ${certificateDer.length} bytes`);
  return {
    keyId: toHex(keyId),
    label,
    // A copy: what arrived is a view of a whole message.
    certificate: certificateDer.length === 0 ? undefined : (Uint8Array.from(certificateDer) as Der),
    flaw: flaw.slice(0, mostText),
  };
}

const isBehind = (key: TokenKey, last: TokenKey | undefined): boolean =>
  last === undefined || key.keyId > last.keyId || (key.keyId === last.keyId && key.label > last.label);

const strange = (what: string): Fault =>
  new Fault("SIGNER_UNAVAILABLE", `the signer's list of its keys makes no sense: ${what}`);
