/**
 * Gives again what was made under a name: a module that starts a second time gets the limits, queues and caches that it
 * had, of which no two have one name.
 */
export function madeOnce<Maker extends object>(maker: Maker): Maker {
  const made = new Map<string, unknown>();
  return new Proxy(maker, {
    get(target, method) {
      const make: unknown = Reflect.get(target, method);
      if (typeof make !== "function") return make;
      return (name: unknown, ...rest: unknown[]) => {
        const key = `${String(method)} ${String(name)}`;
        if (!made.has(key)) made.set(key, make.call(target, name, ...rest));
        return made.get(key);
      };
    },
  });
}
