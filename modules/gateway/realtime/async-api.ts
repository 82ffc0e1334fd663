import { clientFrames, serverFrames, subprotocol } from "./frames.ts";

const messages = (frames: object) =>
  Object.fromEntries(Object.entries(frames).map(([name, payload]) => [name, { name, payload }]));
const refs = (frames: object) =>
  Object.keys(frames).map((name) => ({ $ref: `#/channels/realtime/messages/${name}` }));

/** The connection as an AsyncAPI document. */
export const asyncApi = {
  asyncapi: "3.0.0",
  info: {
    title: "Douya, what reaches a person while it happens",
    version: "1",
    description:
      `A WebSocket at /api/v1/realtime with the subprotocol ${subprotocol}; frames are JSON texts of at most 16 KB, ` +
      "20 a second. The first one is `hello`, with the position up to which the client has everything. The server " +
      "answers `welcome`, and then sends every entry after that position, in order, each once. After `reconnect` or a " +
      "cut line, connect again with the latest position, after a random time. After `bye`, look at its `reason`. What a " +
      "connection has subscribed to comes once a second at most, is stored nowhere, and ends with it: `presence` tells " +
      "how the people are (of whom one may not see, nothing), `live` what has changed of videos. `typing` is said again " +
      "every 3 seconds by who writes, once a second at most, and lasts for 6.",
  },
  channels: {
    realtime: { address: "/api/v1/realtime", messages: messages({ ...clientFrames, ...serverFrames }) },
  },
  operations: {
    send: {
      action: "receive",
      channel: { $ref: "#/channels/realtime" },
      summary: "What a client sends",
      messages: refs(clientFrames),
    },
    hear: {
      action: "send",
      channel: { $ref: "#/channels/realtime" },
      summary: "What the server sends",
      messages: refs(serverFrames),
    },
  },
};
