import { declaredGateway } from "#apps/server/declared-gateway.ts";

export interface Route {
  method: string;
  /** As declared: /api/v1/users/:id */
  url: string;
  /** The fields of its body and its query string. */
  fields: string[];
}

interface Schema {
  properties?: Record<string, Schema>;
}

/** Every route of the public side, from the declarations themselves. */
export async function routeTable(): Promise<Route[]> {
  const routes: Route[] = [];
  const app = await declaredGateway((server) => {
    server.addHook("onRoute", ({ method, url, schema }) => {
      const parts = [schema?.body, schema?.querystring] as (Schema | undefined)[];
      const fields = parts.flatMap((part) => Object.keys(part?.properties ?? {}));
      for (const one of [method].flat()) routes.push({ method: one, url, fields });
    });
  });
  await app.ready();
  await app.close();
  return routes;
}
