import axe from "axe-core";
import { createClient } from "../src/client/index.js";
import "../src/element.js";
import { SCENES } from "./scenes.js";
import { StageService } from "./service.js";

// Every state on one page, without a server: ?scene=captured&locale=de&theme=dark&width=300
const asked = new URLSearchParams(location.search);
const service = new StageService();
const client = createClient({ baseUrl: "stage", transport: service.transport });
const style = new CSSStyleSheet();
style.replaceSync(`
  :root { color-scheme: ${asked.get("theme") === "dark" ? "dark" : "light"}; background: light-dark(#eef0f3, #0d0f13); }
  body { margin: 24px; font-family: system-ui, "Noto Sans CJK JP", sans-serif; }
  main { display: grid; gap: 24px; inline-size: ${Number(asked.get("width") ?? 620)}px; max-inline-size: 100%; margin-inline: auto; }
`);
document.adoptedStyleSheets = [style];
document.documentElement.lang = asked.get("locale") ?? "en";
const main = document.querySelector("main") as HTMLElement;
for (const scene of asked.get("scene")?.split(",") ?? Object.keys(SCENES)) {
  const element = document.createElement("payment-actions");
  element.client = client;
  element.store = "eu-shop";
  element.order = scene;
  element.locale = asked.get("locale") ?? "en";
  main.append(element);
}
Object.assign(window, { stage: service, axe });
