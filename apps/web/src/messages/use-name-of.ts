import { useUser } from "../api/services.tsx";
import type { User } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";

/** How the people of a conversation are called; the viewer is "you". */
export function useNameOf(people: ReadonlyMap<string, User>): (userId: string) => string {
  const { t } = useI18n();
  const me = useUser();
  return (id) => (id === me?.id ? t.you : (people.get(id)?.name ?? t.groups.somebody));
}
