import type { DescMethodUnary, DescService, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { Call, ServedCall } from "./call.ts";

type Methods<S extends DescService> = S["method"];
type Input<M> = M extends DescMethodUnary<infer I> ? I : never;
type Output<M> = M extends DescMethodUnary<infer _I, infer O> ? O : never;

/** One RPC each: what a module implements. */
export type Handlers<S extends DescService> = {
  [K in keyof Methods<S>]: (
    request: MessageShape<Input<Methods<S>[K]>>,
    call: ServedCall,
  ) => Promise<MessageInitShape<Output<Methods<S>[K]>>>;
};

/** What a module calls; whether the other side is in this process or in another is decided at construction. */
export type Client<S extends DescService> = {
  [K in keyof Methods<S>]: (
    request: MessageInitShape<Input<Methods<S>[K]>>,
    call: Call,
  ) => Promise<MessageShape<Output<Methods<S>[K]>>>;
};

/** A client without the type of its method, as the links see it. */
export type UntypedUnary = (request: unknown, call: Call) => Promise<unknown>;
/** A handler without it. */
export type UntypedHandler = (request: unknown, call: ServedCall) => Promise<unknown>;
