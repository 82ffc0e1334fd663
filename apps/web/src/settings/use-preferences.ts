import { useSyncExternalStore } from "react";
import { useServices } from "../api/services.tsx";
import type { PreferenceValues } from "./preferences.ts";

export function usePreferences(): PreferenceValues {
  const { preferences } = useServices();
  return useSyncExternalStore(preferences.subscribe, preferences.get);
}
