import type { handleUnaryCall } from "@grpc/grpc-js";
import type { Act } from "../../control/enrolment/entries.ts";
import type { AdminServiceHandlers } from "../../generated/meshmint/admin/v1/AdminService.ts";
import type { AdminMethod } from "./authorise.ts";

type Unary<M extends AdminMethod> = AdminServiceHandlers[M];
type RequestOf<M extends AdminMethod> =
  Unary<M> extends handleUnaryCall<infer Request, infer _> ? Request : never;
type ReplyOf<M extends AdminMethod> = Unary<M> extends handleUnaryCall<infer _, infer Reply> ? Reply : never;

/** Answers one method for a caller that may use it; `act` names the caller and ends when it hangs up. */
export type AdminHandler<M extends AdminMethod> = (request: RequestOf<M>, act: Act) => Promise<ReplyOf<M>>;

/** Some of the service's methods: each group of them is one file. */
export type AdminHandlers<M extends AdminMethod> = { readonly [K in M]: AdminHandler<K> };
