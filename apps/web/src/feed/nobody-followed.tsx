import { useQueryClient } from "@tanstack/react-query";
import { useUser } from "../api/services.tsx";
import { useI18n } from "../i18n/i18n.tsx";
import { HotList } from "../people/hot-list.tsx";

/** The following feed of a person who follows nobody yet: people to follow. */
export default function NobodyFollowed() {
  const { t } = useI18n();
  const cache = useQueryClient();
  const following = useUser()?.counts.following ?? 0;
  return (
    <div className="page nobody">
      <h2>{t.followingEmptyTitle}</h2>
      <p>{following > 0 ? t.followingSoon : t.followingEmptyBody}</p>
      {following > 0 && (
        <button
          type="button"
          className="button button-primary"
          onClick={() => void cache.resetQueries({ queryKey: ["feed", "following"] })}
        >
          {t.seeTheirVideos}
        </button>
      )}
      <HotList limit={10} />
    </div>
  );
}
