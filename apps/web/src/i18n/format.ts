import type { Language } from "./language.ts";

const LOCALE: Record<Language, string> = { en: "en", zh: "zh-CN" };
const JUST_NOW: Record<Language, string> = { en: "just now", zh: "刚刚" };
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte"] as const;

/** Formats numbers, sizes and times for one language. */
export function createFormat(language: Language) {
  const locale = LOCALE[language];
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
  const day = new Intl.DateTimeFormat(locale, { month: "short", day: "numeric" });
  const dayOfYear = new Intl.DateTimeFormat(locale, { year: "numeric", month: "short", day: "numeric" });
  const utcDay = new Intl.DateTimeFormat(locale, {
    ...{ year: "numeric", month: "short", day: "numeric" },
    timeZone: "UTC",
  });
  const compact = new Intl.NumberFormat(locale, { notation: "compact", maximumFractionDigits: 1 });
  const whole = new Intl.NumberFormat(locale);
  const hours = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" });
  const exact = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
  const percent = new Intl.NumberFormat(locale, { style: "percent" });

  function ago(iso: string, nowMs: number = Date.now()): string {
    const then = new Date(iso);
    const age = nowMs - then.getTime();
    if (age < MINUTE_MS) return JUST_NOW[language];
    if (age < HOUR_MS) return relative.format(-Math.floor(age / MINUTE_MS), "minute");
    if (age < DAY_MS) return relative.format(-Math.floor(age / HOUR_MS), "hour");
    if (age < 7 * DAY_MS) return relative.format(-Math.floor(age / DAY_MS), "day");
    return then.getFullYear() === new Date(nowMs).getFullYear() ? day.format(then) : dayOfYear.format(then);
  }
  /** When a message was sent: only the time if it was today. */
  function moment(iso: string, nowMs: number = Date.now()): string {
    const then = new Date(iso);
    const time = hours.format(then);
    return then.toDateString() === new Date(nowMs).toDateString() ? time : `${ago(iso, nowMs)} ${time}`;
  }
  function bytes(count: number, perSecond = false): string {
    const power = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(count, 1)) / 3)));
    const unit = UNITS[power] ?? "byte";
    return new Intl.NumberFormat(locale, {
      style: "unit",
      unit: perSecond ? `${unit}-per-second` : unit,
      unitDisplay: "short",
      maximumFractionDigits: power > 1 ? 1 : 0,
    }).format(count / 1000 ** power);
  }
  /** Today, yesterday, or the date. */
  function dayOf(date: string, nowMs: number = Date.now()): string {
    const then = new Date(date);
    const startOf = (at: Date) => new Date(at.getFullYear(), at.getMonth(), at.getDate()).getTime();
    const age = Math.round((startOf(new Date(nowMs)) - startOf(then)) / DAY_MS);
    if (age === 0 || age === 1) return relative.format(-age, "day");
    return then.getFullYear() === new Date(nowMs).getFullYear() ? day.format(then) : dayOfYear.format(then);
  }
  return {
    ago,
    day: dayOf,
    /** Of a span of time that is a day of UTC. */
    dayUtc: (iso: string) => utcDay.format(new Date(iso)),
    hours: (iso: string) => hours.format(new Date(iso)),
    moment,
    /** Day and time, in the viewer's time zone. */
    dateTime: (iso: string) => exact.format(new Date(iso)),
    bytes,
    /** How much time something took in all: 45 s, 12 min, 3.4 h. */
    amount(ms: number): string {
      const [value, unit] =
        ms < MINUTE_MS
          ? [Math.round(ms / 1000), "second"]
          : ms < HOUR_MS
            ? [Math.round(ms / MINUTE_MS), "minute"]
            : [ms / HOUR_MS, "hour"];
      const options = {
        style: "unit",
        unit,
        unitDisplay: "short",
        maximumFractionDigits: value < 100 ? 1 : 0,
      } as const;
      return new Intl.NumberFormat(locale, options).format(value);
    },
    span: (ms: number) => spanIn(language, ms),
    count: (value: number) => compact.format(value),
    number: (value: number) => whole.format(value),
    percent: (share: number) => percent.format(share),
  };
}

/** A duration in its natural unit. */
export function spanIn(language: Language, ms: number): string {
  const seconds = Math.max(1, Math.ceil(ms / 1000));
  const [value, unit] =
    seconds < 90
      ? [seconds, "second"]
      : ms < 90 * MINUTE_MS
        ? [Math.round(ms / MINUTE_MS), "minute"]
        : [Math.round(ms / HOUR_MS), "hour"];
  return new Intl.NumberFormat(LOCALE[language], { style: "unit", unit, unitDisplay: "long" }).format(value);
}

export type Format = ReturnType<typeof createFormat>;

/** 75 → "1:15": a player's clock, the same in every language. */
export function clock(seconds: number): string {
  const whole = Number.isFinite(seconds) ? Math.max(0, Math.floor(seconds)) : 0;
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
