import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { problemBody } from "#contracts/problem.ts";
import { refusal } from "#contracts/reasons.ts";
import { answersOk, type Part } from "../part.ts";

interface HaproxyOptions {
  /** Where the site is. */
  host: string;
  port: number;
  gateways: { name: string; port: number }[];
}

/** The one address of the site, in front of several gateways. */
export async function haproxyPart(program: string, dir: string, options: HaproxyOptions): Promise<Part> {
  const config = join(dir, "haproxy.cfg");
  await writeFile(config, haproxyConfig(options));
  const { host, port } = options;
  const reachable = ["0.0.0.0", "::", "*"].includes(host) ? "127.0.0.1" : host;
  return {
    name: "haproxy",
    role: "haproxy",
    address: `${reachable}:${port}`,
    program,
    args: ["-db", "-f", config],
    serves: () => answersOk(`http://${reachable}:${port}/livez`),
  };
}

/** With no gateway at all, clients are told as a gateway would tell them. */
function withoutGateway(status: number): string {
  const refused = refusal("GATEWAY_UNAVAILABLE");
  const body = JSON.stringify({ ...problemBody(refused), status });
  const seconds = refused.retryAfterMs! / 1000;
  return `  http-error status ${status} content-type application/problem+json hdr retry-after ${seconds} string '${body}'`;
}

function haproxyConfig({ host, port, gateways }: HaproxyOptions): string {
  const servers = (check: string) =>
    gateways.map(({ name, port }) => `  server ${name} 127.0.0.1:${port}${check}`).join("\n");
  return `global
  maxconn 4096

defaults
  mode http
  timeout connect 2s
  # Who sends half a head would else hold a place for five minutes.
  timeout http-request 10s
  timeout client 5m
  timeout server 5m
  timeout tunnel 1h
  timeout http-keep-alive 60s
  # The gateways believe the last entry (DOUYA_TRUST_PROXY=1), which is written here.
  option forwardfor
${[502, 503, 504].map(withoutGateway).join("\n")}

frontend site
  bind ${host}:${port}
  http-request set-header X-Forwarded-Proto http
  # With no gateway ready, one of them says why.
  use_backend unready if { nbsrv(ready) lt 1 }
  default_backend ready

backend ready
  balance leastconn
  option httpchk GET /readyz
  option redispatch 1
  retries 3
  # What was not sent may be sent to the other one; what was sent, only if it changes nothing.
  retry-on conn-failure empty-response
  http-request disable-l7-retry unless METH_GET
  default-server inter 500ms fastinter 250ms fall 2 rise 1
${servers(" check")}

backend unready
  balance roundrobin
  option redispatch 1
  retries 3
${servers("")}
`;
}
