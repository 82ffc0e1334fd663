import { create, type DescService } from "@bufbuild/protobuf";
import { withinDeadline } from "./call.ts";
import type { Meter } from "./meter.ts";
import type { Client, Handlers, UntypedUnary } from "./service.ts";

/** A client whose calls are function calls into a module of this process. */
export function directClient<S extends DescService>(
  service: S,
  handlers: Handlers<S>,
  meter: Meter,
): Client<S> {
  const client: Record<string, UntypedUnary> = {};
  for (const method of service.methods) {
    const handle = (handlers as Record<string, UntypedUnary>)[method.localName]!;
    const measured = meter(service.typeName, method.name);
    client[method.localName] = (request, call) =>
      measured(async () => {
        const input = create(method.input, request as never);
        const output = await withinDeadline(call, () => handle(input, call));
        return create(method.output, output as never);
      });
  }
  return client as Client<S>;
}
