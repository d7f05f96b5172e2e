import { z } from "zod";
import { parseAgentIdTemplate } from "../../domain/attestation/agent-id-template.ts";
import { certificateFieldFlaw } from "../../domain/attestation/subject-fields.ts";
import type { FilePieces } from "../config/config-pieces.ts";

const template = (fieldFlaw: (field: string) => string | undefined) =>
  z.string().transform((text, context) => {
    const parsed = parseAgentIdTemplate(text, fieldFlaw);
    if (parsed.ok) return parsed.value;
    context.addIssue({ code: "custom", message: parsed.error, input: text });
    return z.NEVER;
  });

/** How nodes may prove themselves, beside join tokens. */
export const nodeAttestationSection = (path: FilePieces["path"]) =>
  z
    .strictObject({
      x509pop: z
        .strictObject({
          /** PEM files with the authorities of the nodes' certificates. */
          caFiles: z.array(path).min(1).max(16),
          /** What stands behind `/meshmint/agent/x509pop/`. */
          agentId: template(certificateFieldFlaw).prefault("{publicKeySha256}"),
        })
        .optional(),
    })
    .prefault({});
