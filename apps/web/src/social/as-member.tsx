import { createContext, lazy, type ReactNode, Suspense, use, useCallback, useState } from "react";
import { useServices } from "../api/services.tsx";

import type { MemberAction } from "./member-actions.ts";

type AsMember = (action: MemberAction, act: () => void) => void;

const Context = createContext<AsMember>((_, act) => act());
const LoginPrompt = lazy(() => import("./login-prompt.tsx"));

/** Asks guests who want to act to log in; they return to the same place. */
export function MemberActs({ children }: { children: ReactNode }) {
  const { session } = useServices();
  const [action, setAction] = useState<MemberAction | null>(null);
  const asMember = useCallback<AsMember>((to, act) => (session.user() ? act() : setAction(to)), [session]);
  return (
    <Context value={asMember}>
      {children}
      {action && (
        <Suspense fallback={null}>
          <LoginPrompt action={action} onClose={() => setAction(null)} />
        </Suspense>
      )}
    </Context>
  );
}

/** Does what needs an account; guests are asked to log in instead. */
export const useAsMember = () => use(Context);
