/** A text in both languages. */
export interface Said {
  en: string;
  zh: string;
}

/** When somebody is to be woken, or to look within a day. */
export interface Alert {
  name: string;
  /** PromQL; it holds when something is wrong. */
  when: string;
  /** For how long it has to hold. */
  forMinutes: number;
  /** `page`: wake somebody. `ticket`: look within a day. */
  severity: "page" | "ticket";
  /** What is wrong; `{{ $labels.… }}` names where. */
  says: Said;
  /** What the operator should do. */
  todo: Said;
}

/** A family of metrics as /metrics shows it. */
export interface Metric {
  name: string;
  kind: "gauge" | "counter" | "histogram";
  unit: "seconds" | "bytes" | "count" | "share";
  /** The label by which charts show it. */
  by?: string;
  /** Every process exports the same values, so charts show the largest and not the sum. */
  same?: true;
  /** Of a histogram: the label and the pattern (RE2) of what counts as an error. */
  errors?: { label: string; like: string };
  means: Said;
  alerts?: Alert[];
}

/** A row of charts. */
export interface Area {
  title: Said;
  metrics: Metric[];
}
