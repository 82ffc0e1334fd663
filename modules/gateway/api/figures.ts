import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import type { FastifyReply } from "fastify";
import Type from "typebox";
import {
  type Figures,
  FiguresWindow,
  type GetFiguresResponse,
  type Source,
} from "#contracts/gen/playback_pb.ts";
import { callOf } from "../edge/request-call.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { sourceNames } from "./playback.ts";
import { toApiVideo } from "./present.ts";
import { answers, IdParams, Time } from "./schemas.ts";

const windows = {
  "24h": FiguresWindow.DAY,
  "28d": FiguresWindow.MONTH,
  all: FiguresWindow.ALL,
} as const;
type WindowName = keyof typeof windows;

const figures = {
  views: Type.Integer(),
  viewers: Type.Integer({ description: "Each person and guest once a day and video." }),
  plays: Type.Integer({ description: "Whatever was begun, by others than the author." }),
  ownPlays: Type.Integer({ description: "By the author, who counts nowhere else." }),
  watchMs: Type.Integer(),
  completions: Type.Integer({ description: "Plays to the end." }),
  skips: Type.Integer({ description: "Plays of less than 2 s that did not get to the end." }),
  loops: Type.Integer(),
  likes: Type.Integer({ description: "Those that were withdrawn are subtracted." }),
  comments: Type.Integer({ description: "Replies included; those that were deleted are subtracted." }),
  shares: Type.Integer(),
  followers: Type.Integer({ description: "Won, without those lost; of all videos together." }),
};
const figureNames = Object.keys(figures) as (keyof typeof figures)[];
const FiguresObject = Type.Object(figures);

const query = Type.Object({
  window: Type.Unsafe<WindowName>({
    type: "string",
    enum: Object.keys(windows),
    default: "28d",
    description: "24 hours by the minute, 28 days by the hour, or all by the day (UTC).",
  }),
  format: Type.Unsafe<"json" | "csv">({
    type: "string",
    enum: ["json", "csv"],
    default: "json",
    description: "`csv`: the series, a line for each span of time.",
  }),
});

const answer = {
  total: FiguresObject,
  spanMs: Type.Integer({ description: "What each of `series` takes." }),
  series: Type.Array(Type.Object({ at: Time, ...figures }), {
    description: "The spans of time in which there was something, in their order.",
  }),
  sources: Type.Array(Type.Object({ from: Type.String(), views: Type.Integer() }), {
    description:
      "Views by where they came from, the most first; of the whole days (UTC) that the window touches.",
  }),
};

/** What authors learn of their videos. */
export function figureRoutes({ playback, composer, urlsFor }: GatewayContext): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      "/me/figures",
      {
        schema: {
          summary: "How often and how far one's videos are watched",
          tags: ["figures"],
          querystring: query,
          response: answers({
            200: Type.Object({
              ...answer,
              videos: Type.Array(Type.Object({ video: Type.Ref("Video"), ...figures }), {
                description: "The most viewed in the window.",
              }),
            }),
          }),
        },
      },
      async (request, reply) => {
        const call = callOf(request);
        const { window, format } = request.query;
        const found = await playback.getFigures({ videoId: "", window: windows[window] }, call);
        if (format === "csv") return sendCsv(reply, `douya-${window}.csv`, found) as never;
        const views = await composer.videoViewsById(
          found.videos.map(({ videoId }) => videoId),
          call,
        );
        const byId = new Map(views.map((view) => [view.video.id, view]));
        const urls = urlsFor(request);
        return {
          ...toApiFigures(found),
          videos: found.videos.flatMap(({ videoId, figures }) => {
            const view = byId.get(videoId);
            return view ? [{ video: toApiVideo(view, urls), ...plain(figures) }] : [];
          }),
        };
      },
    );
    app.get(
      "/videos/:id/figures",
      {
        schema: {
          summary: "How often and how far a video is watched, for its author",
          description: "Moderators see it too, which is noted in the security log.",
          tags: ["figures"],
          params: IdParams,
          querystring: query,
          response: answers({
            200: Type.Object({
              ...answer,
              retention: Type.Array(Type.Number(), {
                description:
                  "Of 100 plays, how many were still watching at 0 %, 1 %, … 100 % of the video, of all time; empty before the first play.",
              }),
            }),
          }),
        },
      },
      async (request, reply) => {
        const { window, format } = request.query;
        const found = await playback.getFigures(
          { videoId: request.params.id, window: windows[window] },
          callOf(request),
        );
        if (format === "csv")
          return sendCsv(reply, `douya-${request.params.id}-${window}.csv`, found) as never;
        return { ...toApiFigures(found), retention: found.retention };
      },
    );
  };
}

/** With what is 0 said. */
function plain(found: Figures | undefined) {
  return Object.fromEntries(figureNames.map((name) => [name, found?.[name] ?? 0])) as Record<
    keyof typeof figures,
    number
  >;
}

function toApiFigures({ total, spanMs, series, sources }: GetFiguresResponse) {
  const nameOf = new Map<Source, string>(Object.entries(sourceNames).map(([name, source]) => [source, name]));
  return {
    total: plain(total),
    spanMs,
    series: series.map(({ startMs, figures }) => ({
      at: new Date(startMs).toISOString(),
      ...plain(figures),
    })),
    sources: sources
      .map(({ source, views }) => ({ from: nameOf.get(source) ?? "other", views }))
      .sort((a, b) => b.views - a.views),
  };
}

function sendCsv(reply: FastifyReply, name: string, { series }: GetFiguresResponse): FastifyReply {
  const lines = series.map(({ startMs, figures }) => {
    const values = plain(figures);
    return [new Date(startMs).toISOString(), ...figureNames.map((figure) => values[figure])].join();
  });
  return reply
    .type("text/csv; charset=utf-8")
    .header("content-disposition", `attachment; filename="${name}"`)
    .serializer((text: string) => text)
    .send(`${[["at", ...figureNames].join(), ...lines].join("\r\n")}\r\n`);
}
