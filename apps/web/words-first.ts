import type { Plugin } from "vite";

/**
 * Has the page ask for the texts of its language beside its code, which would ask for them only once it runs. Which of
 * them is decided as `pickLanguage` does it.
 */
export function wordsFirst(): Plugin {
  return {
    name: "words-first",
    apply: "build",
    transformIndexHtml: {
      order: "post",
      handler(_html, { bundle = {} }) {
        const addressOf = (language: string) => {
          const chunk = Object.values(bundle).find(
            (one) => one.type === "chunk" && one.facadeModuleId?.endsWith(`/i18n/${language}.ts`),
          );
          if (!chunk) throw new Error(`no chunk has the texts of ${language}`);
          return `/${chunk.fileName}`;
        };
        const words = JSON.stringify({ en: addressOf("en"), zh: addressOf("zh") });
        return [{ tag: "script", children: choose(words), injectTo: "head" }];
      },
    },
  };
}

const choose = (words: string) => `
try {
  const words = ${words};
  const { language } = JSON.parse(localStorage.getItem("douya.preferences") ?? "{}");
  const spoken = navigator.languages.map((tag) => tag.toLowerCase().split("-")[0]);
  const link = document.createElement("link");
  link.rel = "modulepreload";
  link.href = words[language] ?? words[spoken.find((one) => one in words)] ?? words.en;
  document.head.append(link);
} catch {}
`;
