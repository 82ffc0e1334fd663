import { open } from "node:fs/promises";
import { connect } from "node:net";
import { answerQuestions } from "../worker.ts";

export interface UploadJob {
  port: number;
  token: string;
  file: string;
}
export interface UploadDone {
  tookMs: number;
  /** The share of a core that this process used. */
  generatorCpu: number;
}

/** As browsers send. */
const blockBytes = 256 * 1024;

/** Posts a file as a body and waits for the answer that it is stored. */
answerQuestions(async ({ port, token, file }: UploadJob): Promise<UploadDone> => {
  const source = await open(file, "r");
  const { size } = await source.stat();
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  let answer = "";
  socket.setEncoding("utf8").on("data", (piece: string) => {
    answer += piece;
  });
  const ended = new Promise<void>((resolve, reject) => socket.once("error", reject).once("close", resolve));
  const cpu = process.cpuUsage();
  const startedMs = performance.now();
  socket.write(
    `POST /api/v1/uploads HTTP/1.1\r\nHost: bench.test\r\nAuthorization: Bearer ${token}\r\n` +
      `Content-Type: video/mp4\r\nContent-Length: ${size}\r\nConnection: close\r\n\r\n`,
  );
  try {
    // Two blocks: one is read while the other is sent.
    const blocks = [Buffer.allocUnsafe(blockBytes), Buffer.allocUnsafe(blockBytes)] as const;
    let sent: Promise<void> = Promise.resolve();
    for (let i = 0; ; i++) {
      const { bytesRead, buffer } = await source.read(blocks[i % 2 === 0 ? 0 : 1], 0, blockBytes);
      await Promise.race([sent, ended]);
      if (bytesRead === 0) break;
      sent = new Promise((resolve) => socket.write(buffer.subarray(0, bytesRead), () => resolve()));
    }
    await ended;
  } finally {
    socket.destroy();
    await source.close();
  }
  if (!answer.startsWith("HTTP/1.1 201"))
    throw new Error(`the upload was answered: ${answer.slice(0, 1000)}`);
  const tookMs = performance.now() - startedMs;
  const { user, system } = process.cpuUsage(cpu);
  return { tookMs, generatorCpu: (user + system) / 1000 / tookMs };
});
