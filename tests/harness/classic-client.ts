import { expect } from "vitest";
import { type Answer, type SendOptions, send } from "./http-client.ts";

interface ClassicUser {
  id: number;
  name: string;
  follow_count: number;
  follower_count: number;
  is_follow: boolean;
  avatar: string;
  background_image: string;
  signature: string;
  total_favorited: number;
  work_count: number;
  favorite_count: number;
}
export interface ClassicVideo {
  id: number;
  author: ClassicUser;
  play_url: string;
  cover_url: string;
  favorite_count: number;
  comment_count: number;
  is_favorite: boolean;
  title: string;
}
interface ClassicComment {
  id: number;
  user: ClassicUser;
  content: string;
  create_date: string;
}
export interface ClassicMessage {
  id: number;
  to_user_id: number;
  from_user_id: number;
  content: string;
  create_time: number;
}
/** As in lists of people; the last three only in the list of friends. */
interface ClassicListed extends ClassicUser {
  message?: string;
  msgType?: number;
  msg_type?: number;
}
/** Every field that an answer of the classic API may have besides its two constant ones. */
export interface Classic {
  status_code: number;
  status_msg: string;
  user_id?: number;
  token?: string;
  user?: ClassicUser;
  video_list?: ClassicVideo[];
  next_time?: number;
  comment?: ClassicComment;
  comment_list?: ClassicComment[];
  user_list?: ClassicListed[];
  message_list?: ClassicMessage[];
}

/** Parameters in sending order; a name may occur more than once. */
export type Fields = Record<string, string> | [string, string][];

/** Speaks /douyin like the existing clients. */
export function classicClient(origin: () => string) {
  const url = (path: string, query: Fields = {}) => {
    const search = new URLSearchParams(query).toString();
    return `${origin()}/douyin${path}${search && `?${search}`}`;
  };
  const ask = (method: string, path: string, query?: Fields, options?: SendOptions) =>
    send<Classic>(method, url(path, query), options);
  return {
    get: (path: string, query?: Fields) => ask("GET", path, query),
    post: (path: string, query?: Fields, form?: Fields) =>
      ask("POST", path, query, form && { bytes: new URLSearchParams(form) }),
    /** `fields` are sent in their order; a Blob is the file. */
    publish(fields: [string, string | Blob][], query?: Fields) {
      const form = new FormData();
      for (const [name, value] of fields) {
        if (typeof value === "string") form.append(name, value);
        else form.append(name, value, "clip.mp4");
      }
      return ask("POST", "/publish/action/", query, { bytes: form });
    },
    send: ask,
  };
}

/** The answer, if it is HTTP 200 and a success. */
export function ok(answer: Answer<Classic>): Classic {
  expect(answer.status, answer.text).toBe(200);
  expect(answer.headers.get("content-type")).toContain("application/json");
  expect(answer.body.status_code, answer.text).toBe(0);
  expect(answer.body.status_msg).not.toBe("");
  return answer.body;
}

/** The message of a refusal, which is HTTP 200 too. */
export function refused(answer: Answer<Classic>, code: number): string {
  expect({ status: answer.status, code: answer.body.status_code }, answer.text).toEqual({
    status: 200,
    code,
  });
  expect(answer.headers.get("content-type")).toContain("application/json");
  expect(answer.body.status_msg).not.toBe("");
  return answer.body.status_msg;
}

/** The videos of a page, with ids as elsewhere. */
export function videosOf({ body, text }: Answer<Classic>): (ClassicVideo & { key: string })[] {
  const keys = [...text.matchAll(/"id":(\d+),"author"/g)].map((match) => match[1]!);
  return (body.video_list ?? []).map((video, i) => ({ ...video, key: keys[i]! }));
}

/** An int64 as its digits in the answer's text, which a JavaScript number would round. */
export function digits(answer: Answer<Classic>, field: string): string[] {
  return [...answer.text.matchAll(new RegExp(`"${field}":(\\d+)[,}]`, "g"))].map((match) => match[1]!);
}
