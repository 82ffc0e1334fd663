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

export type MethodName<S extends DescService> = keyof Methods<S> & string;

/** A service with the methods that a module calls; the service refuses all others. */
export interface Dependency<S extends DescService = DescService, M extends string = string> {
  service: S;
  methods: readonly M[];
}

export function only<S extends DescService, const M extends MethodName<S>>(
  service: S,
  ...methods: M[]
): Dependency<S, M> {
  return { service, methods };
}

/** For a module that serves any public request. */
export function allBut<S extends DescService, const But extends MethodName<S> = never>(
  service: S,
  ...but: But[]
): Dependency<S, Exclude<MethodName<S>, But>> {
  const names = service.methods.map((method) => method.localName) as MethodName<S>[];
  const wanted = (name: MethodName<S>): name is Exclude<MethodName<S>, But> =>
    !but.some((other) => other === name);
  return { service, methods: names.filter(wanted) };
}

/** What a module calls; construction decides whether the callee is in this process or in another. */
export type Client<S extends DescService, M extends MethodName<S> = MethodName<S>> = {
  [K in M]: (
    request: MessageInitShape<Input<Methods<S>[K]>>,
    call: Call,
  ) => Promise<MessageShape<Output<Methods<S>[K]>>>;
};

/**
 * Of methods that are served better where the same was asked before: what says whether it is the same, like the id of
 * a video whose likes are merged.
 */
export type Affinity<S extends DescService> = {
  readonly [K in MethodName<S>]?: (request: MessageShape<Input<Methods<S>[K]>>, call: Call) => string;
};

/** A client without the type of its method, as the links see it. */
export type UntypedUnary = (request: unknown, call: Call) => Promise<unknown>;
/** A handler without it. */
export type UntypedHandler = (request: unknown, call: ServedCall) => Promise<unknown>;
