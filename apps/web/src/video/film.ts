import type Hls from "hls.js";
import type { Level } from "hls.js";
import type { Preload } from "../feed/nearness.ts";
import { type FilmSource, rungAddress } from "./film-source.ts";
import { lineBitrate } from "./line.ts";
import { stays } from "./stays.ts";

/** What a video element plays. */
export interface Film {
  /** How much may be fetched: all that the active film needs, or the beginning of a later one. */
  fetch(how: Preload, active: boolean): void;
  /** After a failure; it continues where it was. */
  retry(): void;
  /** Returns where it was, in seconds. */
  end(): number;
}

/** Seconds. hls.js fetches whole fragments until it has this much: of a later film the first one. */
const BEGINNING_S = 0.5;
/** Of the film in view: twice what the next fragment takes to come, but at least this, since hls.js looks ten times a second. */
const LEAST_BUFFER_S = 0.5;
/** Enough even of a film that is seen to its end. */
const MOST_BUFFER_S = 20;
/** All but the first ones. */
const FRAGMENT_S = 2;
const USUAL_BITRATE = 3e6;
/** Sound and pictures of a fragment do not end together. */
const GAP_S = 0.1;

export function loadFilm(
  element: HTMLVideoElement,
  source: FilmSource,
  fromS: number,
  onFailed: () => void,
): Film {
  if (source.kind === "file") return direct(element, source.url, fromS);
  if (playsHls(element)) {
    const { url, rung } = source;
    return direct(element, rung === null ? url : rungAddress(url, rung), fromS);
  }
  return streamed(element, source, fromS, onFailed);
}

/** Safari's own player. Others that say so have no better one than hls.js. */
function playsHls(element: HTMLVideoElement): boolean {
  return (
    "WebKitPlaybackTargetAvailabilityEvent" in window &&
    element.canPlayType("application/vnd.apple.mpegurl") !== ""
  );
}

function direct(element: HTMLVideoElement, url: string, fromS: number): Film {
  const { href } = new URL(url, location.href);
  /** The element goes on to other films. */
  let waiting = new AbortController();
  let atS = fromS;
  // The page's first film is loaded already.
  if (element.src !== href) {
    element.preload = "none";
    element.src = href;
  }
  continueThere();
  return {
    fetch(how) {
      element.preload = how;
    },
    retry() {
      atS = place();
      element.load();
      continueThere();
    },
    end() {
      waiting.abort();
      return place();
    },
  };

  /** What could not be loaded is at 0. */
  function place() {
    return element.currentTime || atS;
  }
  function continueThere() {
    waiting.abort();
    waiting = new AbortController();
    const { signal } = waiting;
    if (atS <= 0) return;
    if (element.readyState >= HTMLMediaElement.HAVE_METADATA) element.currentTime = atS;
    else
      element.addEventListener("loadedmetadata", () => (element.currentTime = atS), { once: true, signal });
  }
}

/** What the last films came with: a new one begins with the rung that this carries. */
let seenBitrate: number | undefined;
/** Later films whose beginnings are not there yet, in their order; one is fetched at a time. Each goes on when called. */
const beginnings = new Set<() => void>();

function streamed(
  element: HTMLVideoElement,
  { url, rung }: Extract<FilmSource, { kind: "stream" }>,
  fromS: number,
  onFailed: () => void,
): Film {
  let hls: Hls | undefined;
  let ended = false;
  let begun = false;
  let loading = false;
  let beginningThere = false;
  const heard = new AbortController();
  let atS = fromS;
  let how: Preload = "none";
  let active = false;

  async function begin() {
    begun = true;
    try {
      const { default: Player } = await import("hls.js/light");
      if (!ended && begun && !hls) hls = play(Player);
    } catch {
      begun = false;
      goOn();
      if (!ended) onFailed();
    }
  }
  function play(Player: typeof Hls): Hls {
    const { Events } = Player;
    const made = new Player({
      autoStartLoad: false,
      startPosition: atS,
      // The policy of the page allows no worker from a blob.
      enableWorker: false,
      capLevelToPlayerSize: true,
      testBandwidth: false,
      startLevel: -1,
      abrEwmaDefaultEstimate: seenBitrate ?? lineBitrate() ?? USUAL_BITRATE,
    });
    made.on(Events.MANIFEST_PARSED, () => {
      const at = made.levels.findIndex(({ width, height }) => Math.min(width, height) === rung);
      if (at >= 0) made.loadLevel = at;
      follow();
    });
    made.on(Events.FRAG_LOADED, () => {
      seenBitrate = made.bandwidthEstimate;
    });
    made.on(Events.FRAG_BUFFERED, (_event, { frag }) => {
      if (frag.sn === "initSegment") return;
      beginningThere = true;
      goOn();
    });
    made.on(Events.ERROR, (_event, { fatal }) => {
      if (!fatal) return;
      stop();
      onFailed();
    });
    made.attachMedia(element);
    made.loadSource(url);
    return made;
  }
  function follow() {
    if (!begun && how !== "none") return void begin();
    if (!hls || hls.levels.length === 0) return;
    setBuffer();
    if (loading || !(active || isNext())) return;
    // Once: it would fetch anew what is on its way when the film comes into view.
    loading = true;
    hls.startLoad(atS);
  }
  function setBuffer() {
    if (!hls || hls.levels.length === 0) return;
    hls.config.maxBufferLength = bufferS();
    hls.config.maxMaxBufferLength = hls.config.maxBufferLength;
  }
  function bufferS() {
    if (!active || !hls) return BEGINNING_S;
    const level = hls.levels[Math.max(0, hls.loadLevel)]!;
    const nextS = nextFragmentS(level);
    const comesS = (nextS * level.bitrate) / hls.bandwidthEstimate + hls.ttfbEstimate / 1000;
    const leastS = Math.max(LEAST_BUFFER_S, 2 * comesS);
    // Later films begin to load when it plays.
    if (beginnings.size > 0 || element.currentTime === 0) return leastS;
    // As soon as there is less than this, all of the next fragment is fetched.
    const worthS = stays.worthS(element.currentTime) - nextS;
    return Math.max(leastS, Math.min(worthS, MOST_BUFFER_S));
  }
  /** How long what comes after the buffer is. */
  function nextFragmentS({ details }: Level): number {
    const { buffered, currentTime } = element;
    let endS = currentTime;
    for (let i = 0; i < buffered.length; i++)
      if (buffered.start(i) <= endS + GAP_S && buffered.end(i) > endS) endS = buffered.end(i);
    const next = details?.fragments.find(({ start, duration }) => start + duration > endS + GAP_S);
    return next?.duration ?? FRAGMENT_S;
  }
  function isNext() {
    const [next] = beginnings;
    return next === follow;
  }
  /** Lets the next one begin. */
  function goOn() {
    if (!beginnings.delete(follow)) return;
    const [next] = beginnings;
    next?.();
  }
  function stop() {
    goOn();
    atS = element.currentTime || atS;
    hls?.destroy();
    hls = undefined;
    begun = false;
    loading = false;
    beginningThere = false;
  }
  element.addEventListener("timeupdate", setBuffer, heard);
  return {
    fetch(nowHow, nowActive) {
      how = nowHow;
      active = nowActive;
      // Others go on when the film in view plays.
      if (how === "auto" && !active && !beginningThere) beginnings.add(follow);
      else beginnings.delete(follow);
      follow();
    },
    retry() {
      stop();
      follow();
    },
    end() {
      ended = true;
      heard.abort();
      stop();
      return atS;
    },
  };
}
