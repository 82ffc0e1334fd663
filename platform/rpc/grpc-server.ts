import {
  create,
  type DescMethod,
  type DescService,
  fromBinary,
  type Message,
  toBinary,
} from "@bufbuild/protobuf";
import { Server, type ServerUnaryCall, type sendUnaryData } from "@grpc/grpc-js";
import { refusal } from "../errors/reasons.ts";
import type { Logger } from "../observe/log.ts";
import { inColour, readTraceContext } from "../observe/trace-context.ts";
import type { Admission } from "../protect/admission.ts";
import { isColour } from "../registry/colour.ts";
import { hostAndPort } from "../registry/host-and-port.ts";
import { admitCalls } from "./admit-calls.ts";
import { authorizeCallers } from "./authorize-callers.ts";
import { type Call, priorities, withinDeadline } from "./call.ts";
import { maxMessageBytes } from "./connection.ts";
import { createLoadReport } from "./load-report.ts";
import type { Meter } from "./meter.ts";
import { toRefusal } from "./refusal.ts";
import { plaintext, type RpcCredentials } from "./rpc-credentials.ts";
import type { Handlers, UntypedHandler } from "./service.ts";
import type { ServiceTokens } from "./service-token.ts";
import { toStatus } from "./status.ts";

/** The deadline of a call whose caller names none, and the longest that a caller may ask for. */
const maxCallMs = 30_000;

/** One service as it is offered to other processes, and the modules that may call it. */
export interface Offer {
  service: DescService;
  handlers: Handlers<DescService>;
  /** Which methods each of them may call. */
  callers: ReadonlyMap<string, ReadonlySet<string>>;
  /** What lets calls of a method in; undefined: they have a queue of their own. */
  admissionOf(method: DescMethod): Admission | undefined;
}

export interface GrpcServer {
  port: number;
  /** Refuses new calls; running ones may finish until `deadlineMs` milliseconds have passed. */
  stop(deadlineMs: number): Promise<void>;
}

/** Serves `offers` on host:port (0: any free port). Error: ADDRESS_TAKEN. */
export async function startGrpcServer(options: {
  offers: Offer[];
  host: string;
  port: number;
  tokens: ServiceTokens;
  meter: Meter;
  log: Logger;
  credentials?: RpcCredentials | undefined;
}): Promise<GrpcServer> {
  const { credentials = plaintext } = options;
  /** By method path: the modules that may call it. */
  const callers = new Map<string, ReadonlySet<string>>();
  const admissions = new Map<string, Admission>();
  const load = createLoadReport();
  const server = new Server({
    "grpc.max_receive_message_length": maxMessageBytes,
    "grpc.max_concurrent_streams": 1000,
    interceptors: [authorizeCallers({ ...options, callers }), admitCalls({ admissions, load })],
  });
  for (const offer of options.offers) {
    for (const method of offer.service.methods) {
      const path = `/${offer.service.typeName}/${method.name}`;
      const allowed = [...offer.callers].filter(([, methods]) => methods.has(method.localName));
      const admission = offer.admissionOf(method);
      if (admission) admissions.set(path, admission);
      callers.set(path, new Set(allowed.map(([module]) => module)));
      const handle = (offer.handlers as unknown as Record<string, UntypedHandler>)[method.localName]!;
      const measured = options.meter(offer.service.typeName, method.name);
      const answer = (request: unknown, call: Call) =>
        measured(async () =>
          create(method.output, (await withinDeadline(call, (served) => handle(request, served))) as never),
        );
      server.register(
        path,
        (rpc: ServerUnaryCall<unknown, unknown>, reply: sendUnaryData<unknown>) => {
          const call = callOf(rpc);
          answer(rpc.request, call).then(
            (message) => reply(null, message),
            (error) => {
              const at = { log: options.log, rpc: path, traceId: call.traceId };
              reply(toStatus(toRefusal(error, at)));
            },
          );
        },
        (message) => Buffer.from(toBinary(method.output, message as Message)),
        (bytes) => fromBinary(method.input, bytes),
        "unary",
      );
    }
  }
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(hostAndPort(options.host, options.port), credentials.server, (error, bound) =>
      error ? reject(refusal("ADDRESS_TAKEN", { host: options.host, port: options.port })) : resolve(bound),
    );
  });
  return {
    port,
    stop: (deadlineMs) =>
      new Promise((resolve) => {
        const timer = setTimeout(() => server.forceShutdown(), deadlineMs);
        server.tryShutdown(() => {
          load.stop();
          clearTimeout(timer);
          resolve();
        });
      }),
  };
}

function text(rpc: ServerUnaryCall<unknown, unknown>, key: string): string {
  return rpc.metadata.get(key)[0]?.toString() ?? "";
}

function callOf(rpc: ServerUnaryCall<unknown, unknown>): Call {
  const asked = rpc.getDeadline();
  const trace = readTraceContext(text(rpc, "traceparent"), text(rpc, "tracestate"));
  const colour = text(rpc, "douya-colour");
  const askedMs = asked instanceof Date ? asked.getTime() : asked;
  return {
    callerId: text(rpc, "douya-caller") || undefined,
    moderator: text(rpc, "douya-moderator") === "yes",
    asker: text(rpc, "douya-asker") || undefined,
    ...trace,
    traceId: inColour(trace.traceId, isColour(colour) ? colour : undefined),
    priority: priorities.find((priority) => priority === text(rpc, "douya-priority")),
    deadlineMs: Math.min(askedMs, Date.now() + maxCallMs),
    signal: goneSignal(rpc),
  };
}

/** Fires when the caller has hung up, or its connection is lost. */
function goneSignal(rpc: ServerUnaryCall<unknown, unknown>): AbortSignal {
  if (rpc.cancelled) return AbortSignal.abort(refusal("CALLER_GONE"));
  const gone = new AbortController();
  rpc.once("cancelled", () => gone.abort(refusal("CALLER_GONE")));
  return gone.signal;
}
