import { encodeCertificates } from "../../../domain/certificate/pem.ts";
import { type AdminOptions, asAdminCommand, groupOf, runAdmin } from "../admin-command.ts";
import type { Registration } from "../command-frame.ts";

/** `meshmint bundle show`: the trust anchors as the server hands them out now. */
export const registerBundle: Registration = (program, frame) => {
  const group = groupOf(program, "bundle", "trust anchors");
  asAdminCommand(group.command("show"))
    .description("the roots of the trust domain, newest first, as PEM")
    .action((options: AdminOptions) =>
      runAdmin(frame, options, async (client, { signal }) => {
        const { trustDomain, sequence, anchorsDer } = await client.call("GetBundle", {}, signal);
        const pem = encodeCertificates(anchorsDer);
        return { text: pem, json: { trustDomain, sequence, pem } };
      }),
    );
};
