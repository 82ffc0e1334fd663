import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import Type from "typebox";
import { Source } from "#contracts/gen/playback_pb.ts";
import { addressKey } from "#platform/http/client-address.ts";
import { unzipped } from "#platform/http/gzip-body.ts";
import { callOf } from "../edge/request-call.ts";
import { viewerOf } from "../edge/viewer-cookie.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { answers, Id } from "./schemas.ts";

export const sourceNames = {
  feed: Source.FEED,
  following: Source.FOLLOWING,
  "for-you": Source.FOR_YOU,
  profile: Source.PROFILE,
  search: Source.SEARCH,
  share: Source.SHARE,
  link: Source.LINK,
  history: Source.HISTORY,
  ranking: Source.RANKING,
} as const;
type SourceName = keyof typeof sourceNames;

const maxBeaconBytes = 128 * 1024;
const reportEveryMs = 10_000;
const Milliseconds = (description?: string) => Type.Number(description ? { description } : {});

const Entry = Type.Object(
  {
    token: Type.String({ maxLength: 200 }),
    at: Type.Optional(
      Type.Union([Type.Number(), Type.String({ maxLength: 40 })], {
        description: "When this was so, by the clock of the player: Unix milliseconds or a time.",
      }),
    ),
    positionMs: Milliseconds("Where the player is."),
    watchedMs: Milliseconds("How long was watched since the session began; it only grows."),
    loops: Type.Number({ default: 0 }),
    ended: Type.Boolean({ default: false, description: "It was watched to its end." }),
    from: Type.Optional(
      Type.Unsafe<SourceName>({
        type: "string",
        enum: Object.keys(sourceNames),
        description: "Where the viewer came from.",
      }),
    ),
    picture: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 35,
        description: "Of a post of pictures: the `number` of the one that is shown.",
      }),
    ),
  },
  { additionalProperties: false },
);

/** What players tell of what is watched. */
export function playbackRoutes({ playback, plays, publicUrl }: GatewayContext): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.post(
      "/playback/sessions",
      {
        schema: {
          summary: "Begin to watch videos: a token for each, with which a player tells how it goes",
          description:
            "Videos that the caller may not see, or has begun too often just now, are left out. A token is good for 6 hours. Guests are told apart by a cookie " +
            "that ends with the day.",
          tags: ["playback"],
          body: Type.Object({
            videoIds: Type.Array(Id, { minItems: 1, maxItems: 30 }),
          }),
          response: answers({
            200: Type.Object({
              sessions: Type.Array(
                Type.Object({ videoId: Id, token: Type.String(), reportEveryMs: Type.Integer() }),
              ),
            }),
          }),
        },
      },
      async (request, reply) => {
        const call = callOf(request);
        const who = request.identity
          ? { guest: "", address: "" }
          : { guest: viewerOf(request, reply, publicUrl), address: addressKey(request.ip) };
        const { sessions } = await playback.beginSessions({ videoIds: request.body.videoIds, ...who }, call);
        return { sessions: sessions.map(({ videoId, token }) => ({ videoId, token, reportEveryMs })) };
      },
    );
    const beaconRoutes: FastifyPluginAsyncTypebox = async (beacons) => {
      // `navigator.sendBeacon` sends texts as they are. By its name: a pattern comes after the parser that there is.
      beacons.addContentTypeParser(
        "text/plain",
        { parseAs: "string" },
        app.getDefaultJsonParser("error", "error"),
      );
      beacons.addHook("preParsing", unzipped);
      beacons.post(
        "/playback/beacons",
        {
          bodyLimit: maxBeaconBytes,
          config: { takesGzip: true },
          schema: {
            summary: "Tell how it goes with what is watched",
            description:
              "Up to 100 entries, also by `navigator.sendBeacon` and with `content-encoding: gzip`. Repeating changes nothing. " +
              "What is accepted is stored. Watch `reportEveryMs`: it is longer under load.",
            tags: ["playback"],
            body: Type.Object({
              entries: Type.Array(Entry, { maxItems: 100 }),
              today: Type.Optional(
                Type.String({
                  maxLength: 10,
                  description:
                    "The day in the time zone of the caller, unless they know that it has begun: 2026-11-30.",
                }),
              ),
            }),
            response: answers({
              202: Type.Object({
                accepted: Type.Integer(),
                refused: Type.Array(
                  Type.Object({
                    index: Type.Integer(),
                    reason: Type.String({
                      description:
                        "PLAY_TOKEN_INVALID, PLAY_TOKEN_EXPIRED, PLAY_TOKEN_FOREIGN, PLAY_TOO_LONG (more than the time since " +
                        "the session began), PLAY_POSITION_INVALID, VIDEO_NOT_FOUND.",
                    }),
                  }),
                ),
                reportEveryMs: Type.Integer(),
                firstToday: Type.Boolean({
                  description: "It is the first that the caller watches on `today`; said once.",
                }),
              }),
            }),
          },
        },
        async (request, reply) => {
          const { entries, today = "" } = request.body;
          const answer = await playback.report(
            {
              today,
              entries: entries.map(
                ({ token, at, positionMs, watchedMs, loops, ended, from, picture = 0 }) => ({
                  ...{ token, positionMs, watchedMs, loops, ended, picture },
                  atMs: typeof at === "string" ? Date.parse(at) : (at ?? Number.NaN),
                  source: from ? sourceNames[from] : Source.UNSPECIFIED,
                }),
              ),
            },
            callOf(request),
          );
          if (request.identity) plays.forget(request.identity.userId);
          const { accepted, refused, reportEveryMs, firstToday } = answer;
          return reply.code(202).send({ accepted, refused, reportEveryMs, firstToday });
        },
      );
    };
    await app.register(beaconRoutes);
  };
}
