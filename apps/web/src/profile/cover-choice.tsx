import { useRef } from "react";
import type { Video } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import "../ui/group.css";
import "./cover-choice.css";

/** What the cover is to be: a picture of the video, or a file. */
export type Cover = { atMs: number } | { file: File };

/** Shows the video at the time that one picks, among all or among those that are offered; or takes a picture. */
export function CoverChoice(props: {
  video: Video;
  value: Cover | undefined;
  onChange: (cover: Cover) => void;
}) {
  const { video, value, onChange } = props;
  const { t } = useI18n();
  const film = useRef<HTMLVideoElement>(null);
  const input = useRef<HTMLInputElement>(null);
  const atMs = value && "atMs" in value ? value.atMs : 0;
  const pick = (ms: number) => {
    if (film.current) film.current.currentTime = ms / 1000;
    onChange({ atMs: ms });
  };
  return (
    <fieldset className="group cover-choice">
      <legend>{t.cover}</legend>
      <video
        ref={film}
        src={video.playUrl ?? undefined}
        poster={video.coverUrl ?? undefined}
        muted
        playsInline
        preload="metadata"
      />
      <input
        type="range"
        aria-label={t.coverTime}
        aria-valuetext={t.coverSecond(Math.round(atMs / 1000))}
        min={0}
        max={video.durationMs}
        step={100}
        value={atMs}
        onChange={(event) => pick(Number(event.target.value))}
      />
      <div className="cover-offers">
        {video.coverTimesMs.map((ms) => (
          <button
            key={ms}
            type="button"
            className="chip"
            aria-pressed={value !== undefined && "atMs" in value && atMs === ms}
            onClick={() => pick(ms)}
          >
            {t.coverSecond(Math.round(ms / 1000))}
          </button>
        ))}
        <button
          type="button"
          className="chip"
          aria-pressed={value !== undefined && "file" in value}
          onClick={() => input.current?.click()}
        >
          {value && "file" in value ? value.file.name : t.coverFile}
        </button>
        <input
          ref={input}
          hidden
          type="file"
          accept="image/jpeg,image/png,image/webp,image/heic,image/avif,image/gif"
          onChange={({ target }) => target.files?.[0] && onChange({ file: target.files[0] })}
        />
      </div>
    </fieldset>
  );
}
