import { createContext, lazy, type ReactNode, Suspense, use, useCallback, useState } from "react";
import { useServices } from "../api/services.tsx";

import type { Wish } from "./wishes.ts";

type AsMember = (wish: Wish, act: () => void) => void;

const Context = createContext<AsMember>((_, act) => act());
const LoginPrompt = lazy(() => import("./login-prompt.tsx"));

/** Asks guests who want to act to log in; they return to the same place. */
export function MemberActs({ children }: { children: ReactNode }) {
  const { session } = useServices();
  const [wish, setWish] = useState<Wish | null>(null);
  const asMember = useCallback<AsMember>((to, act) => (session.user() ? act() : setWish(to)), [session]);
  return (
    <Context value={asMember}>
      {children}
      {wish && (
        <Suspense fallback={null}>
          <LoginPrompt wish={wish} onClose={() => setWish(null)} />
        </Suspense>
      )}
    </Context>
  );
}

/** Does what needs an account; guests are asked to log in instead. */
export const useAsMember = () => use(Context);
