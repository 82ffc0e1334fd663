import { useEffect } from "react";
import { take } from "../api/client.ts";
import { useKnown } from "../api/known.ts";
import { useServices } from "../api/services.tsx";
import type { Video } from "../api/types.ts";

/** Addresses of what is not public end after an hour: asks for the next one when a film cannot be loaded. */
export function useFreshAddress({ id, coverUrl }: Video, failed: boolean): void {
  const { api } = useServices();
  const known = useKnown();
  const ends = failed && coverUrl?.includes("signature=");
  useEffect(() => {
    if (!ends) return;
    const gone = new AbortController();
    take(api.GET("/api/v1/videos/{id}", { params: { path: { id } }, signal: gone.signal }))
      .then((video) => known.changeVideo(id, (now) => ({ ...now, ...video })))
      // The player says that it cannot be played, and tries again.
      .catch(() => {});
    return () => gone.abort();
  }, [ends, api, known, id]);
}
