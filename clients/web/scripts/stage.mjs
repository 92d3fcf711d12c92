// Builds the stage, a page with every state of a payment, into dist/stage: to look at, and to test in a browser.
import { copyFileSync } from "node:fs";
import { build } from "esbuild";

await build({
  entryPoints: ["stage/stage.ts"],
  outfile: "dist/stage/stage.js",
  bundle: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  logLevel: "warning",
});
copyFileSync("stage/index.html", "dist/stage/index.html");
