// agent-never-reaches-signing: through a protocol that it does serve
import { handler } from "../../protocols/workload-api/handler.ts";
export const run = handler;
