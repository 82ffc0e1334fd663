import type { Locator } from "playwright-core";
import type { Visitor } from "./browser.ts";

const controls = new Set([
  "button",
  "link",
  "textbox",
  "slider",
  "radio",
  "checkbox",
  "combobox",
  "switch",
  "tab",
]);

/** How many things on the page can be operated, and which of them a screen reader cannot name. */
export async function nameControls({
  devtools,
  page,
}: Visitor): Promise<{ count: number; nameless: string[] }> {
  const { nodes } = await devtools.send("Accessibility.getFullAXTree");
  const found = nodes.filter((node) => !node.ignored && controls.has(String(node.role?.value)));
  const nameless = found.filter((node) => !String(node.name?.value ?? "").trim());
  return { count: found.length, nameless: nameless.map((node) => `${page.url()}: ${node.role?.value}`) };
}

/** Texts whose contrast is less than 4.5 to 1; what lies over a picture, and what is disabled, is not measured. */
export function paleTexts(body: Locator): Promise<string[]> {
  return body.evaluate((root) => {
    const document = root.ownerDocument;
    const view = document.defaultView;
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 1;
    const brush = canvas.getContext("2d", { willReadFrequently: true });
    // Painting mixes translucent colours and understands every notation of CSS.
    const luminance = (colours: string[]) => {
      brush.fillStyle = "#fff";
      brush.fillRect(0, 0, 1, 1);
      for (const colour of colours) {
        brush.fillStyle = colour;
        brush.fillRect(0, 0, 1, 1);
      }
      const [r, g, b] = [...brush.getImageData(0, 0, 1, 1).data].map((value) => {
        const share = value / 255;
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
    };
    const pale: string[] = [];
    const walker = document.createTreeWalker(root, 4);
    while (walker.nextNode()) {
      const text = walker.currentNode.textContent.trim();
      const element = walker.currentNode.parentElement;
      if (!text || !element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
      if (element.closest(".stage, .tile, .unseen, .skip, noscript, script, :disabled")) continue;
      const behind: string[] = [];
      for (let at = element; at; at = at.parentElement)
        behind.unshift(view.getComputedStyle(at).backgroundColor);
      // The navigation of a phone floats over the page.
      const page = document.querySelector("main");
      if (!page.contains(element)) behind.splice(2, 0, view.getComputedStyle(page).backgroundColor);
      const colour = view.getComputedStyle(element).color;
      const [low, high] = [luminance(behind), luminance([...behind, colour])].sort((a, b) => a - b);
      const contrast = (high! + 0.05) / (low! + 0.05);
      if (contrast < 4.5) pale.push(`${text.slice(0, 40)}: ${contrast.toFixed(2)} (${colour})`);
    }
    return pale;
  });
}

/** Whether one sees that the focused element is the focused one. */
export function showsFocus(focused: Locator): Promise<boolean> {
  return focused.evaluate((element) => {
    const view = element.ownerDocument.defaultView;
    const box = element.getBoundingClientRect();
    const onScreen =
      box.width > 0 &&
      box.bottom > 0 &&
      box.top < view.innerHeight &&
      box.right > 0 &&
      box.left < view.innerWidth;
    // A hidden radio button shows it on its text, an input on the box around it.
    const ringed = [element, element.nextElementSibling, element.parentElement].some((at) => {
      if (!at) return false;
      const { outlineStyle, outlineWidth, boxShadow } = view.getComputedStyle(at);
      return (outlineStyle !== "none" && Number.parseFloat(outlineWidth) >= 2) || boxShadow !== "none";
    });
    return onScreen && ringed;
  });
}

/** By how many pixels the page is wider than its window. */
export function overflowPx(body: Locator): Promise<number> {
  return body.evaluate((root) => {
    const document = root.ownerDocument;
    return document.documentElement.scrollWidth - document.defaultView.innerWidth;
  });
}
