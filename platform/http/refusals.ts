import type { IncomingMessage, Server } from "node:http";
import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { ConnectionError, FastifyReply, FastifyRequest } from "fastify";
import type { Reason } from "../errors/catalogue.ts";
import type { DomainError } from "../errors/domain-error.ts";
import { platformReasons, refusal } from "../errors/reasons.ts";
import { newTraceId } from "../observe/trace-context.ts";
import { answerBeforeEnd, drainMs } from "./answer-before-end.ts";
import { closeRefusedUpgrade } from "./on-upgrade.ts";

/** A refusal in the form of an API. */
export interface Refused {
  status: number;
  type: string;
  body: object;
}
export type RefusalForm = (refusal: DomainError, traceId: string) => Refused;

export interface RefusalForms {
  /** Sends refusals below `prefix` in this form; the longest prefix wins. */
  add(prefix: string, form: RefusalForm): void;
  of(path: string): RefusalForm;
}

declare module "fastify" {
  interface FastifyInstance {
    refusalForms: RefusalForms;
  }
}

const plain: RefusalForm = ({ kind, reason, message }) => ({
  status: protocolStatus(reason) ?? (kind === "unavailable" ? 503 : 400),
  type: "application/json; charset=utf-8",
  body: { reason, detail: message },
});

/** The HTTP status of a refusal by HTTP itself; undefined for refusals of modules. */
export function protocolStatus(reason: string): number | undefined {
  return (platformReasons as Record<string, Reason>)[reason]?.status;
}

/** For transient refusals without a time of their own. */
const usualRetryMs = 5_000;

/** Adds Retry-After where it helps. */
export function sendRetryAfter(
  refusal: DomainError,
  status: number,
  reply: Pick<FastifyReply, "header">,
): void {
  const retryAfterMs = refusal.retryAfterMs ?? ([429, 503, 504].includes(status) ? usualRetryMs : undefined);
  if (retryAfterMs !== undefined) reply.header("retry-after", Math.ceil(retryAfterMs / 1000));
}

export function refusalForms(): RefusalForms {
  const forms: { prefix: string; form: RefusalForm }[] = [];
  return {
    add(prefix, form) {
      forms.push({ prefix, form });
      forms.sort((one, other) => other.prefix.length - one.prefix.length);
    },
    of: (path) => forms.find(({ prefix }) => path.startsWith(prefix))?.form ?? plain,
  };
}

/** Answers what the framework refuses before it has found a route. */
export function refuseUnrouted(forms: RefusalForms, headers: Record<string, string>) {
  return (error: { code: string }, request: FastifyRequest, reply: FastifyReply): void => {
    const refused = error.code === "FST_ERR_MAX_PARAM_LENGTH" ? refusal("URL_TOO_LONG") : brokenUrl();
    const { status, type, body } = forms.of(request.raw.url ?? "")(refused, request.id);
    if (!request.raw.complete) answerBeforeEnd(request.raw, reply.raw);
    reply.raw.once("finish", () => closeRefusedUpgrade(request.raw));
    reply.code(status).headers(headers).type(type).serializer(JSON.stringify).send(body);
  };
}

/** Answers what the parser refuses, before there is a request; a silent client gets no answer. */
export function refuseUnparsed(forms: RefusalForms, headers: Record<string, string>) {
  const answered = new WeakSet<Socket>();
  return (error: ConnectionError, socket: Socket): void => {
    // Further bytes of it are no request either.
    if (answered.has(socket)) return;
    const busy = (socket as { _httpMessage?: { _headerSent?: boolean } })._httpMessage?._headerSent;
    // Another answer is being sent on this connection.
    if (error.code === "ECONNRESET" || !socket.writable || busy || socket.bytesRead === 0)
      return void socket.destroy();
    const [, target = ""] =
      /^\S{1,20} (\S{1,200})/.exec(
        (error.rawPacket as unknown as Buffer | undefined)?.toString("latin1") ?? "",
      ) ?? [];
    answered.add(socket);
    answerRaw(socket, rawAnswer(forms.of(target)(parserRefusal(error), newTraceId()), headers));
  };
}

/** Answers what Node.js would answer with only a status, or not at all. */
export function refuseOddities(server: Server, forms: RefusalForms, headers: Record<string, string>): void {
  server.on("checkExpectation", (request, response) => {
    const { status, type, body } = forms.of(request.url ?? "")(refusal("EXPECTATION_UNKNOWN"), newTraceId());
    // A client may send its body without waiting for this.
    answerBeforeEnd(request, response);
    response.writeHead(status, { ...headers, "content-type": type });
    response.end(JSON.stringify(body));
  });
  server.on("connect", (request: IncomingMessage, socket: Socket) => {
    socket.on("error", () => {});
    const refused = forms.of(request.url ?? "")(methodNotAllowed("CONNECT", []), newTraceId());
    answerRaw(socket, rawAnswer(refused, { ...headers, allow: "" }));
  });
}

/** Answers and closes. Closing at once would lose the answer of a client that is still sending. */
function answerRaw(socket: Socket, answer: string): void {
  socket.end(answer);
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), drainMs).unref();
  socket.once("close", () => clearTimeout(timer));
}

function rawAnswer({ status, type, body }: Refused, headers: object): string {
  const text = JSON.stringify(body);
  const all = {
    ...headers,
    "content-type": type,
    "content-length": Buffer.byteLength(text),
    connection: "close",
  };
  const head = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${head.join("")}\r\n${text}`;
}

function parserRefusal({ code }: ConnectionError): DomainError {
  if (code === "HPE_HEADER_OVERFLOW") return refusal("HEAD_TOO_LARGE");
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return refusal("HEAD_TOO_SLOW");
  return refusal("REQUEST_BROKEN");
}

function brokenUrl(): DomainError {
  return refusal("REQUEST_BROKEN", "The address is not encoded as it should be.");
}

export function methodNotAllowed(method: string, allowed: string[]): DomainError {
  const instead = allowed.length > 0 ? ` Use ${allowed.join(", ")}.` : "";
  return refusal("METHOD_NOT_ALLOWED", `${method} is not possible here.${instead}`);
}
