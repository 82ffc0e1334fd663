import { useEffect, useState } from "react";
import { useServices } from "../api/services.tsx";
import type { Video } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { usePreferences } from "../settings/use-preferences.ts";
import { Dialog } from "../ui/dialog.tsx";
import { CheckIcon, FloatIcon, QualityIcon, SpeedIcon } from "../ui/icons.tsx";
import { useSavesData } from "./use-film-source.ts";
import "./playback-menu.css";

export type PlaybackStep = "quality" | "speed";
const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 2];

/** The element in view: the menu is at its side, and not around it. */
const film = () => document.querySelector<HTMLVideoElement>(".slide[data-active=true] video");

interface RowsProps {
  video: Video;
  onStep: (step: PlaybackStep) => void;
  onClose: () => void;
}

/** How the video in view is played: rows of its menu. */
export function PlaybackRows({ video, onStep, onClose }: RowsProps) {
  const { t } = useI18n();
  const { quality, speed } = usePreferences();
  const shown = useShownQuality();
  const automatic = shown ? `${t.auto} · ${shown}p` : t.auto;
  return (
    <>
      {video.hlsUrl && (
        <button type="button" onClick={() => onStep("quality")}>
          <QualityIcon />
          {t.quality}
          <span className="menu-value">{quality === "auto" ? automatic : `${shown ?? quality}p`}</span>
        </button>
      )}
      <button type="button" onClick={() => onStep("speed")}>
        <SpeedIcon />
        {t.speed}
        <span className="menu-value">{t.timesSpeed(speed)}</span>
      </button>
      {document.pictureInPictureEnabled && (
        <button
          type="button"
          onClick={() => {
            onClose();
            // Refused before there is a picture: then there is nothing to float.
            film()
              ?.requestPictureInPicture()
              .catch(() => {});
          }}
        >
          <FloatIcon />
          {t.float}
        </button>
      )}
    </>
  );
}

interface StepProps {
  video: Video;
  step: PlaybackStep;
  onClose: () => void;
}

export function PlaybackChoice({ video, step, onClose }: StepProps) {
  const { t } = useI18n();
  const { preferences } = useServices();
  const { quality, speed } = usePreferences();
  const savesData = useSavesData();
  if (step === "speed")
    return (
      <Dialog title={t.speed} onClose={onClose}>
        <Options
          name="speed"
          value={speed}
          options={SPEEDS.map((value) => ({ value, text: t.timesSpeed(value) }))}
          onChange={(value) => preferences.set({ speed: value })}
        />
      </Dialog>
    );
  const rungs = video.renditions.map(({ shortSide }) => shortSide).reverse();
  // What was chosen at another video stands for the largest here that is not above it.
  const value = quality === "auto" ? quality : (rungs.find((rung) => rung <= quality) ?? rungs.at(-1)!);
  return (
    <Dialog title={t.quality} onClose={onClose}>
      <Options<"auto" | number>
        name="quality"
        value={value}
        options={[
          { value: "auto", text: t.auto, hint: savesData ? t.autoSaving : t.autoBody },
          ...rungs.map((rung) => ({ value: rung, text: `${rung}p`, hint: rung >= 720 ? "HD" : undefined })),
        ]}
        onChange={(chosen) => preferences.set({ quality: chosen })}
      />
    </Dialog>
  );
}

interface OptionsProps<Value> {
  name: string;
  value: Value;
  options: { value: Value; text: string; hint?: string | undefined }[];
  onChange: (value: Value) => void;
}

function Options<Value extends string | number>({ name, value, options, onChange }: OptionsProps<Value>) {
  return (
    <div className="options">
      {options.map((option) => (
        <label key={option.value}>
          <input
            type="radio"
            name={name}
            checked={option.value === value}
            onChange={() => onChange(option.value)}
          />
          <span>{option.text}</span>
          {option.hint && <small>{option.hint}</small>}
          <CheckIcon size={20} />
        </label>
      ))}
    </div>
  );
}

/** The short side of the picture in view; null until there is one. */
function useShownQuality(): number | null {
  const [shown, setShown] = useState<number | null>(null);
  useEffect(() => {
    const element = film();
    const look = () =>
      setShown(element?.videoWidth ? Math.min(element.videoWidth, element.videoHeight) : null);
    look();
    element?.addEventListener("resize", look);
    return () => element?.removeEventListener("resize", look);
  }, []);
  return shown;
}
