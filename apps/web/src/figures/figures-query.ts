import { queryOptions } from "@tanstack/react-query";
import { type Api, take } from "../api/client.ts";
import type { Figures, VideoFigures } from "../api/types.ts";

export const figuresWindows = ["24h", "28d", "all"] as const;
export type FiguresWindow = (typeof figuresWindows)[number];
export type AnyFigures = Pick<Figures, "total" | "spanMs" | "series" | "sources"> &
  Partial<Pick<Figures, "videos"> & Pick<VideoFigures, "retention">>;

/** Of one video, or of all of the viewer's. */
export const figuresQuery = (api: Api, id: string | undefined, window: FiguresWindow) =>
  queryOptions<AnyFigures>({
    queryKey: ["me", "figures", id ?? "", window],
    queryFn: ({ signal }) => {
      const query = { window, format: "json" as const };
      return id === undefined
        ? take(api.GET("/api/v1/me/figures", { params: { query }, signal }))
        : take(api.GET("/api/v1/videos/{id}/figures", { params: { path: { id }, query }, signal }));
    },
  });

/** Where the table of the same is. */
export const tablePath = (id: string | undefined, window: FiguresWindow) =>
  `/api/v1/${id === undefined ? "me" : `videos/${id}`}/figures?window=${window}&format=csv`;
