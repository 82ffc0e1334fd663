import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { demoPeople } from "./people.ts";

const publishMs = 120_000;

/** The fields of any answer that are read here. */
interface Answer {
  id: string;
  accessToken: string;
  user: { id: string };
  group: { id: string };
  state: string;
  failure: { message: string };
  items: { id: string }[];
  reason: string;
  detail: string;
}

/** What the demonstration does over the public API, as any other client would. */
export function demoClient(address: string) {
  async function call(method: string, path: string, token: string | undefined, body?: object | Buffer) {
    const file = Buffer.isBuffer(body);
    const response = await fetch(`${address}/api/v1${path}`, {
      method,
      headers: {
        ...(token && { authorization: `Bearer ${token}` }),
        ...(body && { "content-type": file ? "application/octet-stream" : "application/json" }),
      },
      ...(body && { body: file ? new Uint8Array(body) : JSON.stringify(body) }),
    });
    const answer = (response.status === 204 ? {} : await response.json()) as Answer;
    if (!response.ok) throw new DemoRefused(answer.reason, `${method} ${path}: ${answer.detail}`);
    return answer;
  }

  return {
    /** Registers a person; returns the access token and the id. */
    async enter({ username, ...profile }: (typeof demoPeople)[number], password: string) {
      const { accessToken: token, user } = await call("POST", "/users", undefined, { username, password });
      await call("PATCH", "/me", token, profile);
      return { token, id: user.id };
    },
    async follow(token: string, userId: string): Promise<void> {
      await call("PUT", `/users/${userId}/follow`, token);
    },
    /** Uploads a clip and waits until it is published; returns the video's id. */
    async publish(token: string, file: string, title: string): Promise<string> {
      const upload = await call("POST", "/uploads", token, await readFile(file));
      const { id } = await call("POST", "/videos", token, { uploadId: upload.id, title });
      const untilMs = Date.now() + publishMs;
      while (Date.now() < untilMs) {
        const { state, failure } = await call("GET", `/videos/${id}`, token);
        if (state === "published") return id;
        if (state === "failed") throw new Error(`${title}: ${failure.message}`);
        await delay(50);
      }
      throw new Error(`${title} is still being processed after two minutes`);
    },
    async like(token: string, videoId: string): Promise<void> {
      await call("PUT", `/videos/${videoId}/like`, token);
    },
    /** Adds a comment or a reply; returns its id. */
    async comment(token: string, videoId: string, text: string, replyTo?: string): Promise<string> {
      const replies = replyTo ? `/${replyTo}/replies` : "";
      return (await call("POST", `/videos/${videoId}/comments${replies}`, token, { text })).id;
    },
    async pin(token: string, videoId: string, commentId: string): Promise<void> {
      await call("PUT", `/videos/${videoId}/pinned-comment`, token, { commentId });
    },
    /** Opens a group with friends; returns its id. */
    async createGroup(token: string, name: string, userIds: string[]): Promise<string> {
      return (await call("POST", "/groups", token, { name, userIds })).group.id;
    },
    /** Sends a message to a person or a group; returns its id. */
    async write(
      token: string,
      to: string,
      content: string,
      parts: { videoId?: string | undefined; replyTo?: string | undefined } = {},
    ): Promise<string> {
      return (await call("POST", `/conversations/${to}/messages`, token, { content, ...parts })).id;
    },
    async react(token: string, to: string, messageId: string, emoji: string): Promise<void> {
      const reaction = `reactions/${encodeURIComponent(emoji)}`;
      await call("PUT", `/conversations/${to}/messages/${messageId}/${reaction}`, token);
    },
    async markRead(token: string, userId: string, upTo: string): Promise<void> {
      await call("PUT", `/conversations/${userId}/read`, token, { upTo });
    },
    /** Ids of the newest published videos. */
    async newest(): Promise<string[]> {
      const { items } = await call("GET", "/feed?limit=20", undefined);
      return items.map((video) => video.id);
    },
  };
}

export class DemoRefused extends Error {
  readonly reason: string;
  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
  }
}
