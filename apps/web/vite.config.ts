import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { firstLoad } from "./first-load.ts";
import { precompress } from "./precompress.ts";
import { production } from "./production.ts";
import { wordsFirst } from "./words-first.ts";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const server = { target: "http://127.0.0.1:8080", changeOrigin: false };

export default defineConfig({
  root: here("."),
  plugins: [production(), react(), wordsFirst(), precompress(readdirSync(here("public")))],
  build: {
    outDir: here("dist"),
    emptyOutDir: true,
    target: "es2022",
    // Kept as written: light-dark() must be resolved where it is used, so that a dark stage on a light page works.
    cssTarget: ["chrome123", "safari17.5", "firefox120"],
    // A data: URL would be refused by the Content-Security-Policy for scripts and fonts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      output: { codeSplitting: { groups: [{ name: firstLoad(here("src/main.tsx")) }] } },
    },
  },
  server: { proxy: { "/api": server, "/douyin": server, "/media": server } },
});
