import { type Api, take } from "../api/client.ts";
import { createListeners } from "../api/listeners.ts";
import { asProblem, Problem } from "../api/problem.ts";
import type { SessionStore } from "../api/session.ts";
import type { Video } from "../api/types.ts";
import { type Publication, toRequest } from "../video/publication.ts";
import { moved } from "./moved.ts";

export const MAX_PICTURES = 35;
/** In code points, like the server's limit. */
export const MAX_ALT = 300;
const MAX_BYTES = 20 * 1024 * 1024;

/** A chosen picture; `problem`: why it was refused. */
interface PictureDraft {
  key: number;
  file: File;
  previewUrl: string;
  alt: string;
  sentBytes: number;
  uploadId: string | null;
  problem: Problem | null;
}

export interface PictureUploadState {
  step: "idle" | "composing" | "publishing" | "published";
  drafts: readonly PictureDraft[];
  title: string;
  description: string;
  visibility: Video["visibility"];
  publication: Publication;
  problem: Problem | null;
  postId: string | null;
}

export interface PictureUploadStore {
  get(): PictureUploadState;
  subscribe(listener: () => void): () => void;
  /** Adds pictures behind the others, and sends them; what is more than a post can have is left out. */
  add(files: readonly File[]): void;
  remove(key: number): void;
  /** To the place of the one before (-1) or after it (1). */
  move(key: number, by: -1 | 1): void;
  describe(key: number, alt: string): void;
  write(
    change: Partial<Pick<PictureUploadState, "title" | "description" | "visibility" | "publication">>,
  ): void;
  /** As soon as all are sent. */
  publish(): void;
  reset(): void;
}

const IDLE: PictureUploadState = {
  step: "idle",
  drafts: [],
  title: "",
  description: "",
  visibility: "public",
  publication: { when: "now", at: "" },
  problem: null,
  postId: null,
};

/** Whether a chosen file is meant as a picture; its first bytes tell whether it is one. */
export function isPictureFile({ type, name }: Pick<File, "type" | "name">): boolean {
  return type.startsWith("image/") || /\.(jpe?g|png|webp|avif|heic|heif|gif)$/i.test(name);
}

/** Whether leaving would lose something that is on its way. */
export function isSendingPictures({ step, drafts }: PictureUploadState): boolean {
  return step === "publishing" || drafts.some(({ uploadId, problem }) => !uploadId && !problem);
}

/** As the server's first check: a browser reads a refusal only after it has sent the whole file. */
async function checkPicture(file: File) {
  if (file.size === 0) throw new Problem(422, { reason: "EMPTY_FILE" });
  if (file.size > MAX_BYTES) throw new Problem(413, { reason: "BODY_TOO_LARGE", detail: "At most 20 MB." });
  const { SNIFF_BYTES, sniffPostPicture } = await import("#platform/media/magic.ts");
  const found = sniffPostPicture(new Uint8Array(await file.slice(0, SNIFF_BYTES).arrayBuffer()));
  if (found === null) throw new Problem(422, { reason: "NOT_A_PICTURE" });
  if (found === "gif" || found === "moving") throw new Problem(422, { reason: "PICTURE_UNSUPPORTED" });
}

/** One post of pictures at a time, sent one picture after another. It lives outside of its page, as the video's. */
export function createPictureUploadStore({
  api,
  session,
}: {
  api: Api;
  session: SessionStore;
}): PictureUploadStore {
  let state = IDLE;
  let nextKey = 0;
  let sending: Promise<void> | null = null;
  let wantsPublish = false;
  const running = new Map<number, AbortController>();
  let posting = new AbortController();
  const changes = createListeners();
  const set = (change: Partial<PictureUploadState>) => {
    state = { ...state, ...change };
    changes.call();
  };
  const change = (key: number, change: Partial<PictureDraft>) =>
    set({ drafts: state.drafts.map((draft) => (draft.key === key ? { ...draft, ...change } : draft)) });

  async function send({ key, file }: PictureDraft) {
    const ended = new AbortController();
    running.set(key, ended);
    const { signal } = ended;
    try {
      await checkPicture(file);
      const onProgress = (sentBytes: number) => {
        if (!signal.aborted) change(key, { sentBytes });
      };
      const { sendFile } = await import("../upload/send-file.ts");
      const uploadId = await sendFile(file, { session, onProgress, onWaiting: () => {}, signal });
      if (!signal.aborted) change(key, { uploadId, sentBytes: file.size });
    } catch (error) {
      if (!signal.aborted) change(key, { problem: asProblem(error) });
    } finally {
      running.delete(key);
    }
  }
  async function sendAll() {
    for (;;) {
      const next = state.drafts.find(({ uploadId, problem }) => !uploadId && !problem);
      if (!next) break;
      await send(next);
    }
    sending = null;
    if (wantsPublish) await post();
  }
  const start = () => {
    sending ??= sendAll();
  };

  async function post() {
    wantsPublish = false;
    const { drafts, title, description, visibility, publication } = state;
    if (drafts.length === 0 || drafts.some(({ uploadId }) => !uploadId)) return set({ step: "composing" });
    const { signal } = posting;
    try {
      const pictures = drafts.map(({ uploadId, alt }) => ({ uploadId: uploadId!, alt: alt.trim() }));
      const said = { title: title.trim(), description, visibility, ...toRequest(publication) };
      const body = { pictures, ...said };
      const { id } = await take(api.POST("/api/v1/videos", { body, signal }));
      forget(state.drafts);
      set({ ...IDLE, publication, step: "published", postId: id });
    } catch (error) {
      if (!signal.aborted) set({ step: "composing", problem: asProblem(error) });
    }
  }
  function forget(drafts: readonly PictureDraft[]) {
    for (const { key, previewUrl } of drafts) {
      running.get(key)?.abort();
      URL.revokeObjectURL(previewUrl);
    }
  }

  return {
    get: () => state,
    subscribe: changes.add,
    add(files) {
      wantsPublish = false;
      const before = state.step === "published" ? [] : state.drafts;
      const added = files.slice(0, MAX_PICTURES - before.length).map((file) => ({
        ...{ key: nextKey++, file, previewUrl: URL.createObjectURL(file) },
        ...{ alt: "", sentBytes: 0, uploadId: null, problem: null },
      }));
      const from = state.step === "published" ? IDLE : state;
      set({ ...from, step: "composing", drafts: [...before, ...added] });
      start();
    },
    remove(key) {
      wantsPublish = false;
      forget(state.drafts.filter((draft) => draft.key === key));
      const drafts = state.drafts.filter((draft) => draft.key !== key);
      set(drafts.length === 0 ? IDLE : { drafts });
    },
    move(key, by) {
      const at = state.drafts.findIndex((draft) => draft.key === key);
      set({ drafts: moved(state.drafts, at, by) });
    },
    describe: (key, alt) => change(key, { alt }),
    write: set,
    publish() {
      set({ step: "publishing", problem: null });
      wantsPublish = true;
      if (!sending) void post();
    },
    reset() {
      posting.abort();
      posting = new AbortController();
      wantsPublish = false;
      forget(state.drafts);
      set(IDLE);
    },
  };
}
