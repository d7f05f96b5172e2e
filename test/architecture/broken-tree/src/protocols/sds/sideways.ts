// siblings-protocols: one protocol leans on another (grpc/ is plumbing and allowed)
import { listener } from "../grpc/listener.ts";
import { handler } from "../workload-api/handler.ts";
export const sideways = [listener, handler];
