import { onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { befriend } from "./friends.ts";
import { body } from "./http-client.ts";
import type { Person } from "./scenario.ts";
import { until } from "./within.ts";

interface LiveVideo {
  videoId: string;
  gone?: true;
  counts?: Record<string, number>;
  comments?: { id: string; text: string; author: { id: string; avatarUrl: string } }[];
  state?: string;
  progress?: number;
  steps?: { name: string; state: string }[];
}
interface Frame {
  type: string;
  people?: { userId: string; online: boolean; lastSeenAt: string | null }[];
  videos?: LiveVideo[];
  conversationId?: string;
  userId?: string;
  reason?: string;
  [field: string]: unknown;
}

/** Makes friends of two people and waits until they are told so: of new ones that is the first entry. */
export async function befriendTold(one: Person, other: Person): Promise<void> {
  await befriend(one, other);
  for (const person of [one, other])
    await until(
      "they are told",
      async () => body(await person.get<{ seq: string }>("/realtime/entries")).seq !== "0",
    );
}

/** A connected device that keeps every frame it is sent, with its time. */
export async function connectDevice(origin: string, person: Person) {
  const socket = new WebSocket(`${origin.replace("http", "ws")}/api/v1/realtime`, "douya.1");
  const frames: (Frame & { heardMs: number })[] = [];
  socket.on("message", (data) => frames.push({ ...JSON.parse(String(data)), heardMs: performance.now() }));
  socket.on("error", () => {});
  onTestFinished(() => socket.terminate());
  const tell = (frame: object) => socket.send(JSON.stringify(frame));
  socket.on("open", () => tell({ type: "hello", token: person.session.accessToken, device: "one" }));
  const of = (type: string) => frames.filter((one) => one.type === type);
  const frame = (type: string, at = 0) => until(`a frame ${type}`, () => of(type)[at]);
  await frame("welcome");
  return {
    socket,
    frames,
    of,
    tell,
    frame,
    /** Once it is answered, everything said before was heard. */
    async heard() {
      const before = of("pong").length;
      tell({ type: "ping" });
      await frame("pong", before);
    },
    /** How a person is, as far as it was told. */
    presence: (id: string) =>
      of("presence")
        .flatMap(({ people = [] }) => people)
        .findLast(({ userId }) => userId === id),
    live: (id: string) =>
      of("live")
        .flatMap(({ videos = [] }) => videos)
        .filter(({ videoId }) => videoId === id),
  };
}
