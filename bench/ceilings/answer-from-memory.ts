import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { answerQuestions } from "../worker.ts";

export interface StaticAnswer {
  body: string;
  contentType: string;
}

/** Answers every request with the same bytes; returns the port. The ceiling of any answer over node:http. */
answerQuestions(async (answer: StaticAnswer): Promise<number> => {
  const body = Buffer.from(answer.body);
  const headers = { "content-type": answer.contentType, "content-length": body.length };
  const server = createServer((_request, response) => response.writeHead(200, headers).end(body));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
});
