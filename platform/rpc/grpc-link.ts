import { create, type DescService, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { credentials, Client as GrpcClient, Metadata, type ServiceError } from "@grpc/grpc-js";
import { traceparent } from "../observe/trace-context.ts";
import { deadlineExceeded } from "./call.ts";
import type { Meter } from "./meter.ts";
import type { Client, UntypedUnary } from "./service.ts";
import type { ServiceTokens } from "./service-token.ts";
import { fromStatus } from "./status.ts";

/** Large enough for a page of anything; more is a bug or an attack. */
export const maxMessageBytes = 4 * 1024 * 1024;

/** A connection to the process that runs a module, and typed clients over it. */
export interface GrpcLink {
  client<S extends DescService>(service: S): Client<S>;
  close(): void;
}

/**
 * Calls the module `to` at `address` (host:port) on behalf of the module `from`. A peer that is down is
 * refused at once with `<MODULE>_UNAVAILABLE`, never waited for.
 */
export function grpcLink(options: {
  from: string;
  to: string;
  address: string;
  tokens: ServiceTokens;
  meter: Meter;
}): GrpcLink {
  const connection = new GrpcClient(options.address, credentials.createInsecure(), {
    "grpc.max_receive_message_length": maxMessageBytes,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 2000,
    "grpc.keepalive_time_ms": 30_000,
    "grpc.enable_retries": 0,
  });
  return {
    client<S extends DescService>(service: S) {
      const client: Record<string, UntypedUnary> = {};
      for (const method of service.methods) {
        const path = `/${service.typeName}/${method.name}`;
        const measured = options.meter(service.typeName, method.name);
        client[method.localName] = (asked, call) =>
          measured(async () => {
            if (call.deadlineMs <= Date.now()) throw deadlineExceeded();
            call.signal?.throwIfAborted();
            const metadata = new Metadata();
            metadata.set("authorization", await options.tokens.issue(options.from));
            metadata.set("traceparent", traceparent(call));
            if (call.traceState) metadata.set("tracestate", call.traceState);
            if (call.priority) metadata.set("douya-priority", call.priority);
            if (call.callerId) metadata.set("douya-caller", call.callerId);
            if (call.moderator) metadata.set("douya-moderator", "yes");
            return new Promise((resolve, reject) => {
              const hangUp = () => {
                reject(call.signal!.reason);
                request.cancel();
              };
              call.signal?.addEventListener("abort", hangUp, { once: true });
              const request = connection.makeUnaryRequest(
                path,
                (message: Message) => Buffer.from(toBinary(method.input, message)),
                (bytes) => fromBinary(method.output, bytes),
                create(method.input, asked as never),
                metadata,
                { deadline: call.deadlineMs },
                (error: ServiceError | null, answer) => {
                  call.signal?.removeEventListener("abort", hangUp);
                  if (error) reject(fromStatus(error, options.to));
                  else resolve(answer);
                },
              );
            });
          });
      }
      return client as Client<S>;
    },
    close: () => connection.close(),
  };
}
