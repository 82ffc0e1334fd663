import { create, createFileRegistry, type DescService } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import type { Call, ServedCall } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";

/**
 * `message Echo { string text = 1; bytes data = 2; }` and `service EchoService` with the RPCs `Say` and `Read`, of which
 * only the latter may be repeated (NO_SIDE_EFFECTS).
 */
const file = {
  name: "echo.proto",
  package: "test",
  syntax: "proto3",
  messageType: [
    {
      name: "Echo",
      field: [
        { name: "text", number: 1, type: 9, label: 1, jsonName: "text" },
        { name: "data", number: 2, type: 12, label: 1, jsonName: "data" },
      ],
    },
  ],
  service: [
    {
      name: "EchoService",
      method: [
        { name: "Say", inputType: ".test.Echo", outputType: ".test.Echo" },
        { name: "Read", inputType: ".test.Echo", outputType: ".test.Echo", options: { idempotencyLevel: 1 } },
      ],
    },
  ],
};

/** A service for tests of the links, since the platform knows no contract. */
export const echoService: DescService = createFileRegistry(
  create(FileDescriptorSetSchema, { file: [file] } as never),
).getService("test.EchoService")!;

interface Echo {
  text?: string;
  data?: Uint8Array;
}
export type Say = (request: Echo, call: Call) => Promise<Echo>;
export type ServeSay = (request: Echo, call: ServedCall) => Promise<Echo>;

export function echoHandlers(say: ServeSay): Handlers<DescService> {
  return { say, read: say } as never;
}
export function sayOf(client: unknown): Say {
  return (client as { say: Say }).say;
}
export function readOf(client: unknown): Say {
  return (client as { read: Say }).read;
}
