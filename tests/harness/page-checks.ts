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

/** The number of controls on the page, and which of them have no accessible name. */
export async function nameControls({
  devtools,
  page,
}: Visitor): Promise<{ count: number; nameless: string[] }> {
  const { nodes } = await devtools.send("Accessibility.getFullAXTree");
  const found = nodes.filter((node) => !node.ignored && controls.has(String(node.role?.value)));
  const nameless = found.filter((node) => !String(node.name?.value ?? "").trim());
  return { count: found.length, nameless: nameless.map((node) => `${page.url()}: ${node.role?.value}`) };
}

/** Texts with a contrast below 4.5 to 1; texts over pictures and disabled ones are not measured. */
export function paleTexts(body: Locator): Promise<string[]> {
  return body.evaluate((root) => {
    const document = root.ownerDocument;
    const view = document.defaultView;
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 1;
    const brush = canvas.getContext("2d", { willReadFrequently: true });
    // Drawing on a canvas resolves translucent colours and every CSS notation.
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

/** Whether the focused element is visibly focused. */
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
    // A hidden radio button shows it on its label, an input on the box around it.
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

/**
 * Visible controls with a touch target below 44 pixels in one direction. Links in text may be smaller; so may an
 * avatar and the plus on it, and the progress bar, whose lower half is under the navigation.
 */
export function smallTargets(body: Locator): Promise<string[]> {
  return body.evaluate((root) => {
    const document = root.ownerDocument;
    // One pixel less, for elements that begin between two pixels.
    const leastPx = 43;
    const small: string[] = [];
    for (const control of root.querySelectorAll("a, button, input, textarea")) {
      if (control.closest(".rail-author, .comment-face, .comment-who, .comment-text")) continue;
      const { left, top, width, height } = control.getBoundingClientRect();
      const finds = (rightPx: number, downPx: number): boolean => {
        const at = document.elementFromPoint(left + width / 2 + rightPx, top + height / 2 + downPx);
        return at !== null && (control.contains(at) || at.closest("label")?.contains(control) === true);
      };
      if (control.type === "range" || !finds(0, 0)) continue;
      const reach = (right: number, down: number) => {
        let px = 1;
        while (px < leastPx && finds(px * right, px * down)) px++;
        return px;
      };
      const [wide, high] = [reach(-1, 0) + reach(1, 0) - 1, reach(0, -1) + reach(0, 1) - 1];
      if (Math.min(wide, high) < leastPx)
        small.push(`${control.ariaLabel ?? control.textContent}: ${wide} × ${high}`);
    }
    return small;
  });
}

/** The contrast of an element's brightest pixels to most of its pixels, as a person sees them. */
export async function contrastOf(shown: Locator): Promise<number> {
  const png = (await shown.screenshot()).toString("base64");
  const blank = await shown.page().context().newPage();
  const contrast = await blank.locator("html").evaluate(async (html, base64): Promise<number> => {
    const image = html.ownerDocument.createElement("img");
    image.src = `data:image/png;base64,${base64}`;
    await image.decode();
    const canvas = html.ownerDocument.createElement("canvas");
    canvas.width = image.width;
    canvas.height = image.height;
    const brush = canvas.getContext("2d");
    brush.drawImage(image, 0, 0);
    const { data } = brush.getImageData(0, 0, image.width, image.height);
    const channel = (value: number) =>
      value <= 10 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4;
    const luminances: number[] = [];
    for (let i = 0; i < data.length; i += 4)
      luminances.push(
        0.2126 * channel(data[i]) + 0.7152 * channel(data[i + 1]) + 0.0722 * channel(data[i + 2]),
      );
    luminances.sort((a, b) => a - b);
    return (luminances.at(-1)! + 0.05) / (luminances[luminances.length >> 1]! + 0.05);
  }, png);
  await blank.close();
  return contrast;
}
