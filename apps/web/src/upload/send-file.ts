import { Problem, problemFrom } from "../api/problem.ts";
import type { Upload } from "../api/types.ts";

interface Options {
  token: string | null;
  onProgress: (sentBytes: number) => void;
  signal: AbortSignal;
}

/** Without progress for this long, the connection is dead. The server may take a while after the last byte. */
const SILENCE_MS = 60_000;

/** POST /uploads. With XHR, since fetch reports no upload progress. Throws a Problem. */
export function sendFile(file: Blob, { token, onProgress, signal }: Options): Promise<Upload> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    let alarm = setTimeout(() => request.abort(), SILENCE_MS);
    const alive = () => {
      clearTimeout(alarm);
      alarm = setTimeout(() => request.abort(), SILENCE_MS);
    };
    const fail = () => reject(signal.aborted ? signal.reason : new Problem(0));
    request.open("POST", "/api/v1/uploads");
    request.setRequestHeader("content-type", "application/octet-stream");
    if (token) request.setRequestHeader("authorization", `Bearer ${token}`);
    request.upload.onprogress = (event) => {
      alive();
      onProgress(event.loaded);
    };
    request.onload = () => {
      if (request.status === 201) resolve(JSON.parse(request.responseText) as Upload);
      else
        reject(problemFrom(request.status, request.responseText, request.getResponseHeader("retry-after")));
    };
    request.onerror = fail;
    request.onabort = fail;
    request.onloadend = () => clearTimeout(alarm);
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send(file);
  });
}
