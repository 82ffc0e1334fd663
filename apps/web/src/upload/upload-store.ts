import { type Api, take } from "../api/client.ts";
import { createListeners } from "../api/listeners.ts";
import { asProblem, Problem } from "../api/problem.ts";
import type { SessionStore } from "../api/session.ts";
import type { Video } from "../api/types.ts";
import type { BrowserStorage } from "../shell/browser-storage.ts";
import { type Publication, toRequest } from "../video/publication.ts";
import { uploadKnown } from "./known-file.ts";
import { nextRate } from "./transfer-rate.ts";

export interface UploadState {
  step: "idle" | "sending" | "sent" | "publishing" | "published" | "refused";
  file: File | null;
  previewUrl: string | null;
  sentBytes: number;
  bytesPerSecond: number;
  /** The line is down; sending goes on when it is back. */
  waiting: boolean;
  title: string;
  description: string;
  visibility: Video["visibility"];
  publication: Publication;
  /** Publish was pressed while the file was still being sent. */
  publishWhenSent: boolean;
  /** Why the file or the publication was refused. */
  problem: Problem | null;
  videoId: string | null;
}
export interface UploadStore {
  get(): UploadState;
  subscribe(listener: () => void): () => void;
  start(file: File): void;
  write(change: Partial<Pick<UploadState, "title" | "description" | "visibility" | "publication">>): void;
  publish(): void;
  /** Ends the transfer and resets everything. */
  reset(): void;
}

const IDLE: UploadState = {
  step: "idle",
  file: null,
  previewUrl: null,
  sentBytes: 0,
  bytesPerSecond: 0,
  waiting: false,
  title: "",
  description: "",
  visibility: "public",
  publication: { when: "now", at: "" },
  publishWhenSent: false,
  problem: null,
  videoId: null,
};

/** The server's first check, in the browser: a browser reads a refusal only after it has sent the whole file. */
async function checkFile(file: File) {
  if (file.size === 0) throw new Problem(422, { reason: "EMPTY_FILE" });
  const { SNIFF_BYTES, sniffVideo } = await import("#platform/media/magic.ts");
  const first = await file.slice(0, SNIFF_BYTES).arrayBuffer();
  if (!sniffVideo(new Uint8Array(first))) throw new Problem(422, { reason: "NOT_A_VIDEO" });
}

/** One upload at a time. It lives outside of its page, so that one can browse meanwhile. */
export function createUploadStore({
  api,
  session,
  storage,
}: {
  api: Api;
  session: SessionStore;
  storage: BrowserStorage;
}): UploadStore {
  let state = IDLE;
  let uploadId: string | null = null;
  let running = new AbortController();
  const changes = createListeners();
  const set = (change: Partial<UploadState>) => {
    state = { ...state, ...change };
    changes.call();
  };

  async function send(file: File, signal: AbortSignal) {
    let rate = { atMs: performance.now(), bytes: 0, bytesPerSecond: 0 };
    const onProgress = (sentBytes: number) => {
      rate = nextRate(rate, sentBytes, performance.now());
      if (!signal.aborted) set({ sentBytes, bytesPerSecond: rate.bytesPerSecond });
    };
    const onWaiting = (waiting: boolean) => {
      if (!signal.aborted && waiting !== state.waiting) set({ waiting });
    };
    const options = { session, onProgress, onWaiting, signal };
    const [{ sendToS3 }, { sendFile }] = await Promise.all([
      import("./send-to-s3.ts"),
      import("./send-file.ts"),
    ]);
    return (await sendToS3(file, { ...options, api, storage })) ?? sendFile(file, options);
  }
  /** Sends a file until it turns out that the server has it: no byte waits for the question. */
  async function deliver(file: File, signal: AbortSignal): Promise<string> {
    const ended = new AbortController();
    const both = AbortSignal.any([signal, ended.signal]);
    const known = uploadKnown(file, api, both).then((id) => id ?? new Promise<never>(() => {}));
    try {
      return await Promise.race([send(file, both), known]);
    } finally {
      ended.abort();
    }
  }
  async function start(file: File) {
    // What was written for a file stays when it is chosen again.
    const { title, description, visibility, publication } = state.file === file ? state : IDLE;
    reset();
    const { signal } = running;
    const written = { title, description, visibility, publication };
    set({ step: "sending", file, ...written, previewUrl: URL.createObjectURL(file) });
    try {
      await checkFile(file);
      const sent = await deliver(file, signal);
      if (signal.aborted) return;
      uploadId = sent;
      set({ step: "sent", sentBytes: file.size, waiting: false });
      if (state.publishWhenSent) await publish();
    } catch (error) {
      if (!signal.aborted) set({ step: "refused", problem: asProblem(error), publishWhenSent: false });
    }
  }
  async function publish() {
    if (state.step === "sending") return set({ publishWhenSent: true });
    if (state.step !== "sent" || !uploadId) return;
    const { signal } = running;
    set({ step: "publishing", problem: null });
    try {
      const { title, description, visibility, publication } = state;
      const body = { uploadId, title: title.trim(), description, visibility, ...toRequest(publication) };
      const video = await take(api.POST("/api/v1/videos", { body, signal }));
      set({ step: "published", videoId: video.id });
    } catch (error) {
      if (!signal.aborted) set({ step: "sent", publishWhenSent: false, problem: asProblem(error) });
    }
  }
  function reset() {
    running.abort();
    running = new AbortController();
    uploadId = null;
    if (state.previewUrl) URL.revokeObjectURL(state.previewUrl);
    set(IDLE);
  }
  return {
    get: () => state,
    subscribe: changes.add,
    start: (file) => void start(file),
    write: set,
    publish: () => void publish(),
    reset,
  };
}
