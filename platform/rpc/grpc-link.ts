import { create, type DescService, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { Metadata, type ServiceError } from "@grpc/grpc-js";
import { traceparent } from "../observe/trace-context.ts";
import type { Endpoints } from "../registry/registry.ts";
import { deadlineExceeded } from "./call.ts";
import { type Connection, followEndpoints } from "./connections.ts";
import type { Meter } from "./meter.ts";
import type { Client, UntypedUnary } from "./service.ts";
import type { ServiceTokens } from "./service-token.ts";
import { fromStatus, neverBegun, unavailable } from "./status.ts";

/** Connections to the processes that run a module, and typed clients over them. */
export interface GrpcLink {
  client<S extends DescService>(service: S): Client<S>;
  close(): void;
}

/**
 * Calls the module `to` at its endpoints on behalf of the module `from`. Where no peer is there, calls are refused at once
 * with `<MODULE>_UNAVAILABLE`, never waited for.
 */
export function grpcLink(options: {
  from: string;
  to: string;
  endpoints: Endpoints;
  tokens: ServiceTokens;
  meter: Meter;
}): GrpcLink {
  const connections = followEndpoints(options.endpoints);
  return {
    client<S extends DescService>(service: S) {
      const client: Record<string, UntypedUnary> = {};
      for (const method of service.methods) {
        const path = `/${service.typeName}/${method.name}`;
        const measured = options.meter(service.typeName, method.name);
        client[method.localName] = (asked, call) =>
          measured(async () => {
            if (call.deadlineMs <= Date.now()) throw deadlineExceeded();
            const metadata = new Metadata();
            metadata.set("authorization", await options.tokens.issue(options.from));
            metadata.set("traceparent", traceparent(call));
            if (call.traceState) metadata.set("tracestate", call.traceState);
            if (call.priority) metadata.set("douya-priority", call.priority);
            if (call.callerId) metadata.set("douya-caller", call.callerId);
            if (call.moderator) metadata.set("douya-moderator", "yes");
            call.signal?.throwIfAborted();
            const send = (connection: Connection, isFirst = true): Promise<unknown> =>
              new Promise((resolve, reject) => {
                const hangUp = () => {
                  reject(call.signal!.reason);
                  request.cancel();
                };
                call.signal?.addEventListener("abort", hangUp, { once: true });
                const request = connection.client.makeUnaryRequest(
                  path,
                  (message: Message) => Buffer.from(toBinary(method.input, message)),
                  (bytes) => fromBinary(method.output, bytes),
                  create(method.input, asked as never),
                  metadata,
                  { deadline: call.deadlineMs },
                  (error: ServiceError | null, answer) => {
                    call.signal?.removeEventListener("abort", hangUp);
                    if (!error) return resolve(answer);
                    const other = isFirst && neverBegun(error) ? connections.take(connection) : undefined;
                    if (other) resolve(send(other, false));
                    else reject(fromStatus(error, options.to));
                  },
                );
              }).finally(connection.release);
            const connection = connections.take();
            if (!connection) throw unavailable(options.to);
            return send(connection);
          });
      }
      return client as Client<S>;
    },
    close: connections.close,
  };
}
