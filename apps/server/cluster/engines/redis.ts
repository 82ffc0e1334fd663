import { connect } from "node:net";
import type { Part } from "../part.ts";

/** One Redis that keeps nothing: what is in it may vanish at any time. */
export function redisPart(program: string, dir: string, port: number): Part {
  return {
    name: "redis",
    role: "redis",
    address: `127.0.0.1:${port}`,
    program,
    args: [
      ...["--bind", "127.0.0.1", "--port", String(port), "--dir", dir],
      ...["--save", "", "--appendonly", "no"],
      ...["--maxmemory", "128mb", "--maxmemory-policy", "allkeys-lfu"],
    ],
    serves: () => answersPing(port),
  };
}

export function redisUrl(port: number): string {
  return `redis://127.0.0.1:${port}`;
}

function answersPing(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write("PING\r\n"));
    const end = (answered: boolean) => {
      socket.destroy();
      resolve(answered);
    };
    socket.setTimeout(1_000, () => end(false));
    socket.once("error", () => end(false));
    socket.once("data", (data) => end(data.toString().startsWith("+PONG")));
  });
}
