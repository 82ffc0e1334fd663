import { create, type DescService } from "@bufbuild/protobuf";
import type { Logger } from "../observe/log.ts";
import { withinDeadline } from "./call.ts";
import type { Meter } from "./meter.ts";
import { toRefusal } from "./refusal.ts";
import type { Client, Handlers, UntypedHandler, UntypedUnary } from "./service.ts";

/**
 * A client whose calls are function calls into a module of this process. With a log, bugs are logged and hidden as
 * between processes; without one they pass as they are.
 */
export function directClient<S extends DescService>(
  service: S,
  handlers: Handlers<S>,
  meter: Meter,
  log?: Logger,
): Client<S> {
  const client: Record<string, UntypedUnary> = {};
  for (const method of service.methods) {
    const handle = (handlers as Record<string, UntypedHandler>)[method.localName]!;
    const rpc = `/${service.typeName}/${method.name}`;
    const measured = meter(service.typeName, method.name);
    client[method.localName] = (request, call) =>
      measured(async () => {
        const input = create(method.input, request as never);
        const output = await withinDeadline(call, (served) => handle(input, served)).catch((error) => {
          throw log ? toRefusal(error, { log, rpc, traceId: call.traceId }) : error;
        });
        return create(method.output, output as never);
      });
  }
  return client as Client<S>;
}
