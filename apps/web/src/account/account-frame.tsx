import type { ReactNode } from "react";
import { Link, useSearch } from "wouter";
import { useServices } from "../api/services.tsx";
import { useI18n } from "../i18n/i18n.tsx";
import { BackButton } from "../shell/back-button.tsx";
import { usePageTitle } from "../shell/use-page-title.ts";
import { GlobeIcon, SettingsIcon } from "../ui/icons.tsx";
import { Logo } from "../ui/logo.tsx";
import { memberActionOf } from "./next-path.ts";
import "./account.css";

const OTHER = {
  en: { language: "zh", lang: "zh-CN", name: "中文" },
  zh: { language: "en", lang: "en", name: "English" },
} as const;

interface Props {
  title: string;
  body?: string;
  question: string;
  answer: string;
  other: string;
  children: ReactNode;
}

/** The frame of both forms: the logo, the title, and a link to the other form. */
export function AccountFrame({ title, body, question, answer, other, children }: Props) {
  const { t, language } = useI18n();
  const { preferences } = useServices();
  const otherLanguage = OTHER[language];
  const search = useSearch();
  const action = memberActionOf(search);
  usePageTitle(title);
  return (
    <div className="page account">
      <div className="account-bar">
        <BackButton />
        <div className="account-choices">
          {/* In the language that it leads to, for who cannot read this one. */}
          <button
            type="button"
            className="button button-quiet"
            lang={otherLanguage.lang}
            onClick={() => preferences.set({ language: otherLanguage.language })}
          >
            <GlobeIcon size={20} />
            {otherLanguage.name}
          </button>
          <Link href="/settings" className="icon-button" aria-label={t.settings}>
            <SettingsIcon />
          </Link>
        </div>
      </div>
      <div className="account-card">
        <Logo size={64} />
        <h1>{title}</h1>
        {(action || body) && <p className="account-body">{action ? t.loginTo[action] : body}</p>}
        {children}
        <p className="account-other">
          {question}{" "}
          <Link className="link" href={search ? `${other}?${search}` : other} replace state={history.state}>
            {answer}
          </Link>
        </p>
      </div>
    </div>
  );
}
