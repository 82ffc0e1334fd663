import { explain } from "../i18n/explain.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { TextArea } from "../ui/text-area.tsx";
import { MAX_DESCRIPTION, MAX_TITLE } from "../upload/text-limits.ts";
import type { Publication } from "./publication.ts";
import { PublicationChoice } from "./publication-choice.tsx";
import { type Visibility, VisibilityChoice } from "./visibility-choice.tsx";

interface Post {
  title: string;
  description: string;
  visibility: Visibility;
  publication: Publication;
}

interface Props {
  post: Post & { problem: unknown };
  titleRows: number;
  readOnly: boolean;
  onChange: (change: Partial<Post>) => void;
}

/** What is said of a new video or a new post of pictures, who sees it and when. */
export function PostFields({ post, titleRows, readOnly, onChange }: Props) {
  const { t } = useI18n();
  return (
    <>
      <TextArea
        label={t.titleLabel}
        placeholder={t.titlePlaceholder}
        value={post.title}
        maxCharacters={MAX_TITLE}
        rows={titleRows}
        readOnly={readOnly}
        error={post.problem ? explain(t, post.problem) : undefined}
        onText={(title) => onChange({ title })}
      />
      <TextArea
        label={t.descriptionLabel}
        placeholder={t.descriptionPlaceholder}
        value={post.description}
        maxCharacters={MAX_DESCRIPTION}
        lines
        rows={3}
        readOnly={readOnly}
        onText={(description) => onChange({ description })}
      />
      <VisibilityChoice value={post.visibility} onChange={(visibility) => onChange({ visibility })} />
      <PublicationChoice value={post.publication} onChange={(publication) => onChange({ publication })} />
    </>
  );
}
