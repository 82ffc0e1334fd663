import { useEffect, useState } from "react";
import { parseStoryboard, type Still } from "./storyboard.ts";

const none: Still[] = [];

/** Fetched when somebody first looks for a place in the film; without it the time is shown alone. */
export function useStoryboard(url: string | null, wanted: boolean): Still[] {
  const [stills, setStills] = useState(none);
  const asks = url !== null && wanted && stills.length === 0;
  useEffect(() => {
    if (!asks) return;
    const gone = new AbortController();
    fetch(url, { signal: gone.signal })
      .then(async (answer) => answer.ok && setStills(parseStoryboard(await answer.text(), answer.url)))
      // The time is enough.
      .catch(() => {});
    return () => gone.abort();
  }, [asks, url]);
  return stills;
}
