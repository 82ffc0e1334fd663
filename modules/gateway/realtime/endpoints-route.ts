import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import Type from "typebox";
import { answers } from "../api/schemas.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { originOf } from "../media/media-urls.ts";

/** An origin, ws:// or wss://, and its share of the connections. */
export interface RealtimeUrl {
  url: string;
  weight: number;
}

/** Where to connect: operators may have names of their own for it, one for each group of gateways. */
export function endpointsRoute({
  realtimeUrls,
  publicUrl,
}: Pick<GatewayContext, "realtimeUrls" | "publicUrl">): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      "/realtime/endpoints",
      {
        schema: {
          summary: "Where to connect for what reaches one while it happens",
          description:
            "Choose one at random, each as often as its weight says, and after a failure another one. Any of them has everything.",
          tags: ["messages"],
          response: answers({
            200: Type.Object({
              endpoints: Type.Array(
                Type.Object({
                  url: Type.String({ description: "Of a WebSocket with the subprotocol douya.1." }),
                  weight: Type.Integer({ minimum: 1 }),
                }),
              ),
            }),
          }),
        },
      },
      async (request) => {
        const here = { url: originOf(request, publicUrl).replace(/^http/, "ws"), weight: 1 };
        const all = realtimeUrls.length > 0 ? realtimeUrls : [here];
        return { endpoints: all.map(({ url, weight }) => ({ url: `${url}/api/v1/realtime`, weight })) };
      },
    );
  };
}
