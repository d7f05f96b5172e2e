// ring-backends: a backend knows a protocol
import { listener } from "../../protocols/grpc/listener.ts";
export const upward = listener;
