import type { ReactNode } from "react";
import { Link, useSearch } from "wouter";
import { useI18n } from "../i18n/i18n.tsx";
import { BackButton } from "../shell/back-button.tsx";
import { usePageTitle } from "../shell/use-page-title.ts";
import { SettingsIcon } from "../ui/icons.tsx";
import { Logo } from "../ui/logo.tsx";
import "./account.css";

interface Props {
  title: string;
  body?: string;
  question: string;
  answer: string;
  other: string;
  children: ReactNode;
}

/** Around both forms: the sprout, what this is, and the way to the other form. */
export function AccountFrame({ title, body, question, answer, other, children }: Props) {
  const { t } = useI18n();
  const search = useSearch();
  usePageTitle(title);
  return (
    <div className="page account">
      <div className="account-bar">
        <BackButton />
        <Link href="/settings" className="icon-button" aria-label={t.settings}>
          <SettingsIcon />
        </Link>
      </div>
      <div className="account-card">
        <Logo size={64} />
        <h1>{title}</h1>
        {body && <p className="account-body">{body}</p>}
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
