import { Component, type ReactNode, Suspense } from "react";
import { Route, Switch, useLocation } from "wouter";
import { FeedPage } from "../feed/feed-page.tsx";
import { useI18n } from "../i18n/i18n.tsx";
import { NewsWatch } from "../notifications/news-watch.tsx";
import { Notice, Spinner } from "../ui/notice.tsx";
import { VideoPage } from "../video/video-page.tsx";
import { Layout } from "./layout.tsx";
import { Member } from "./member.tsx";
import { Missing } from "./missing.tsx";
import {
  DecisionsPage,
  FiguresPage,
  HistoryPage,
  HotPage,
  JoinPage,
  LoginPage,
  MePage,
  MessagesPage,
  ModerationPage,
  NotificationsPage,
  PageMissing,
  PeoplePage,
  RegisterPage,
  SettingsPage,
  SharedPage,
  UploadPage,
  UserPage,
} from "./pages.ts";
import { SessionEndWatch } from "./session-end-watch.tsx";
import { ToFeed } from "./to-feed.tsx";
import { usePageTitle } from "./use-page-title.ts";

/** Every route of the client. */
export function App() {
  const { t } = useI18n();
  const [path] = useLocation();
  const wait = (
    <div className="page-wait">
      <Spinner label={t.loading} />
    </div>
  );
  return (
    <Layout>
      <SessionEndWatch />
      <NewsWatch />
      <Boundary
        key={stays(path)}
        path={path}
        fallback={(error) => (error instanceof PageMissing ? <Missing /> : <Crashed />)}
      >
        <Suspense fallback={wait}>
          <Switch>
            <Route path="/" component={FeedPage} />
            <Route path="/video/:id">{({ id }) => <VideoPage key={id} id={id} />}</Route>
            <Route path="/s/:code">{({ code }) => <SharedPage key={code} code={code} />}</Route>
            <Route path="/user/:id">{({ id }) => <UserPage key={id} id={id} />}</Route>
            {(["following", "followers", "friends"] as const).map((list) => (
              <Route key={list} path={`/user/:id/${list}`}>
                {({ id }) => <PeoplePage id={id} list={list} />}
              </Route>
            ))}
            <Route path="/hot" component={HotPage} />
            <Route path="/history">
              <Member>
                <HistoryPage />
              </Member>
            </Route>
            {["/figures", "/figures/:id"].map((path) => (
              <Route key={path} path={path}>
                {({ id }: { id?: string }) => (
                  <Member>
                    <FiguresPage key={id} {...(id !== undefined && { id })} />
                  </Member>
                )}
              </Route>
            ))}
            <Route key="messages" path="/messages">
              <Member>
                <MessagesPage />
              </Member>
            </Route>
            <Route key="messages" path="/messages/:id">
              {({ id }) => (
                <Member>
                  <MessagesPage peerId={id} />
                </Member>
              )}
            </Route>
            <Route key="messages" path="/messages/group/:id">
              {({ id }) => (
                <Member>
                  <MessagesPage groupId={id} />
                </Member>
              )}
            </Route>
            <Route path="/g/:code">{({ code }) => <JoinPage key={code} code={code} />}</Route>
            <Route path="/notifications">
              <Member>
                <NotificationsPage />
              </Member>
            </Route>
            <Route path="/login" component={LoginPage} />
            <Route path="/register" component={RegisterPage} />
            <Route path="/settings" component={SettingsPage} />
            <Route path="/moderation/mine">
              <Member>
                <DecisionsPage />
              </Member>
            </Route>
            <Route path="/moderation">
              <Member>
                <ModerationPage />
              </Member>
            </Route>
            <Route path="/upload">
              <Member>
                <UploadPage />
              </Member>
            </Route>
            <Route path="/me">
              <Member>
                <MePage />
              </Member>
            </Route>
            <Route component={NotFound} />
          </Switch>
        </Suspense>
      </Boundary>
    </Layout>
  );
}

/** What one page has in common with the next, which takes its place: beside conversations their list stays as it is. */
const stays = (path: string) => (path.startsWith("/messages") ? "/messages" : path);

function NotFound() {
  const { t } = useI18n();
  usePageTitle(t.notFoundTitle);
  return (
    <Notice level={1} title={t.notFoundTitle} body={t.notFoundBody}>
      <ToFeed />
    </Notice>
  );
}

function Crashed() {
  const { t } = useI18n();
  return (
    <Notice level={1} title={t.crashedTitle} body={t.crashedBody}>
      <button type="button" className="button button-primary" onClick={() => location.reload()}>
        {t.reload}
      </button>
    </Notice>
  );
}

interface Tried {
  path: string;
  thrown: { error: unknown } | null;
}

/** React has error boundaries as classes only. Another path is tried anew. */
class Boundary extends Component<
  { path: string; fallback: (error: unknown) => ReactNode; children: ReactNode },
  Tried
> {
  override state: Tried = { path: this.props.path, thrown: null };
  static getDerivedStateFromProps({ path }: { path: string }, tried: Tried): Tried | null {
    return path === tried.path ? null : { path, thrown: null };
  }
  static getDerivedStateFromError(error: unknown) {
    return { thrown: { error } };
  }
  override render() {
    const { thrown } = this.state;
    return thrown ? this.props.fallback(thrown.error) : this.props.children;
  }
}
