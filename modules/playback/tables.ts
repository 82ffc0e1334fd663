export interface Tables {
  person: {
    user_id: string;
    paused: boolean;
    cleared_ms: string;
    watched_on: string | null;
    gone: boolean;
  };
}
