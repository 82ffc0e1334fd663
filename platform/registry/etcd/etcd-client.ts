import {
  create,
  type DescMethodBiDiStreaming,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { credentials, Client as GrpcClient, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import type { DomainError } from "../../errors/domain-error.ts";
import { refusal } from "../../errors/reasons.ts";
import type { EngineTls } from "../../tls/engine-tls.ts";
import { Auth } from "./gen/etcd_pb.ts";

const callMs = 3_000;
/** Of an answer: a prefix with some hundred instances is far below. */
const maxMessageBytes = 16 * 1024 * 1024;

type Output<M extends DescMethodUnary | DescMethodBiDiStreaming> = MessageShape<M["output"]>;
type Input<M extends DescMethodUnary | DescMethodBiDiStreaming> = MessageInitShape<M["input"]>;

/** A stream of requests and answers. */
interface EtcdStream<M extends DescMethodBiDiStreaming> {
  send(request: Input<M>): void;
  end(): void;
}

/** etcd 3 by its own gRPC API, as far as etcd.proto has it. */
export interface EtcdClient {
  /** Error: ETCD_UNAVAILABLE, ETCD_REFUSED. */
  call<M extends DescMethodUnary>(method: M, request: Input<M>): Promise<Output<M>>;
  /** Calls `on.answer` with each answer and `on.end` once: with the error, or without when we ended it. */
  stream<M extends DescMethodBiDiStreaming>(
    method: M,
    on: { answer(answer: Output<M>): void; end(error?: Error): void },
  ): EtcdStream<M>;
  close(): void;
}

/**
 * Connects to one of the members at `urls` (`http://user:password@host:2379`, several with commas; https rests
 * on `tls`) and to the next one when that is away.
 */
export function connectEtcd(urls: string, { ca, cert, key }: EngineTls = {}): EtcdClient {
  const members = urls.split(",").map((text) => memberAt(text.trim()));
  const { username, password } = members[0]!;
  let current = 0;
  let connection = open();
  let token: Promise<string> | undefined;

  function open(): GrpcClient {
    const { host, secure } = members[current]!;
    const encrypted = () => credentials.createSsl(ca ?? null, key ?? null, cert ?? null);
    return new GrpcClient(host, secure ? encrypted() : credentials.createInsecure(), {
      "grpc.max_receive_message_length": maxMessageBytes,
      "grpc.initial_reconnect_backoff_ms": 100,
      "grpc.max_reconnect_backoff_ms": 2_000,
      // etcd takes more than one in five seconds for an attack.
      "grpc.keepalive_time_ms": 10_000,
      "grpc.keepalive_timeout_ms": 3_000,
      "grpc.enable_retries": 0,
    });
  }

  /** The member that was asked is away, or has no leader: the next call goes to another one. */
  function leave(left: GrpcClient): void {
    if (left !== connection) return;
    current = (current + 1) % members.length;
    connection = open();
    token = undefined;
    // What is under way on it may still come to its end.
    setTimeout(() => left.close(), callMs).unref();
  }

  async function metadata(): Promise<Metadata> {
    const sent = new Metadata();
    // A member that has lost the others refuses, instead of telling what was.
    sent.set("hasleader", "true");
    if (username) {
      token ??= unary(Auth.method.authenticate, { name: username, password }, new Metadata()).then(
        (answer) => answer.token,
      );
      sent.set(
        "token",
        await token.catch((error) => {
          token = undefined;
          throw error;
        }),
      );
    }
    return sent;
  }

  function unary<M extends DescMethodUnary>(
    method: M,
    request: Input<M>,
    sent: Metadata,
  ): Promise<Output<M>> {
    const used = connection;
    return new Promise((resolve, reject) => {
      used.makeUnaryRequest(
        pathOf(method),
        (message: Input<M>) => Buffer.from(toBinary(method.input, create(method.input, message) as never)),
        (bytes) => fromBinary(method.output, bytes) as Output<M>,
        request,
        sent,
        { deadline: Date.now() + callMs },
        (error, answer) => {
          if (!error) return resolve(answer!);
          if (isAway(error)) leave(used);
          if (error.code === status.UNAUTHENTICATED) token = undefined;
          reject(toRefusal(error));
        },
      );
    });
  }

  return {
    call: async (method, request) => unary(method, request, await metadata()),
    stream(method, on) {
      const used = connection;
      let ended = false;
      let waiting: Input<typeof method>[] | undefined = [];
      let send = (request: Input<typeof method>): void => void waiting?.push(request);
      let end = () => {};
      const finish = (error?: Error) => {
        if (ended) return;
        ended = true;
        // It may have ended because the token has expired, which a stream is told in many ways.
        token = undefined;
        on.end(error);
      };
      const begin = (sent: Metadata) => {
        if (ended) return;
        const duplex = used.makeBidiStreamRequest(
          pathOf(method),
          (message: Input<typeof method>) =>
            Buffer.from(toBinary(method.input, create(method.input, message) as never)),
          (bytes) => fromBinary(method.output, bytes) as Output<typeof method>,
          sent,
        );
        duplex.on("data", on.answer);
        duplex.on("error", (error: ServiceError) => {
          if (!ended && isAway(error)) leave(used);
          finish(toRefusal(error));
        });
        duplex.on("end", () => finish(refusal("ETCD_UNAVAILABLE", { details: "it ended the stream" })));
        send = (request) => void duplex.write(request);
        end = () => duplex.cancel();
        for (const request of waiting ?? []) send(request);
        waiting = undefined;
      };
      metadata().then(begin).catch(finish);
      return {
        send: (request) => send(request),
        end() {
          finish();
          end();
        },
      };
    },
    close: () => connection.close(),
  };
}

function memberAt(text: string) {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || !url.hostname)
    throw refusal("ETCD_URL_INVALID", { text: text.slice(text.lastIndexOf("@") + 1) });
  return {
    host: `${url.hostname}:${url.port || "2379"}`,
    secure: url.protocol === "https:",
    username: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
  };
}

const pathOf = (method: DescMethodUnary | DescMethodBiDiStreaming) =>
  `/${method.parent.typeName}/${method.name}`;

const awayCodes: ReadonlySet<status> = new Set([
  status.UNAVAILABLE,
  status.DEADLINE_EXCEEDED,
  status.CANCELLED,
  status.UNKNOWN,
]);
const isAway = (error: ServiceError): boolean => awayCodes.has(error.code);

function toRefusal(error: ServiceError): DomainError {
  // A stream may also end by an error of the system, which has none.
  const details = plainDetails(error.details ?? error.message);
  return isAway(error) ? refusal("ETCD_UNAVAILABLE", { details }) : refusal("ETCD_REFUSED", { details });
}

/** grpc-js says "No connection established. Last error: null. Resolution note: " of a member that is not there. */
function plainDetails(details: string): string {
  if (!details.startsWith("No connection established")) return details;
  const [, rest = ""] = details.split("Last error: ");
  const cause = rest.split(". Resolution note")[0]!.replace("Error: ", "");
  return ["", "null", "undefined"].includes(cause) ? "it cannot be reached" : cause;
}
