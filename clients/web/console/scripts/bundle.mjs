// Bundles the console into dist/: one page, one style sheet, one script that paints, and chunks that come when asked for.
// Names carry a hash of their content, so that a browser may keep them for ever.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const LIMIT_BYTES = 85_000;

rmSync("dist", { recursive: true, force: true });
mkdirSync("dist", { recursive: true });
const { metafile } = await build({
  entryPoints: { console: "src/main.ts", style: "console.css", icon: "icon.svg" },
  outdir: "dist/assets",
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  target: "es2022",
  minify: true,
  legalComments: "none",
  charset: "utf8",
  loader: { ".svg": "copy" },
  metafile: true,
  logLevel: "warning",
});

const outputs = Object.entries(metafile.outputs);
const script = outputs.find(([, output]) => output.entryPoint === "src/main.ts");
const style = outputs.find(([, output]) => output.entryPoint === "console.css");
const icon = outputs.find(([file]) => file.endsWith(".svg"));
if (!script || !style || !icon) throw new Error("the bundle lacks a part");

const first = [script[0], ...script[1].imports.filter((one) => one.kind === "import-statement").map((one) => one.path)];
const preloads = first.slice(1).map((file) => `<link rel="modulepreload" href="/assets/${basename(file)}">\n`);
const page = readFileSync("index.html", "utf8")
  .replaceAll("/assets/icon.svg", `/assets/${basename(icon[0])}`)
  .replaceAll("/assets/console.css", `/assets/${basename(style[0])}`)
  .replace(
    '<script type="module" src="/assets/console.js">',
    () => `${preloads.join("")}<script type="module" src="/assets/${basename(script[0])}">`,
  );
writeFileSync("dist/index.html", page);

const size = (file) => gzipSync(readFileSync(file), { level: 9 }).length;
const painted = [...first, style[0]].reduce((sum, file) => sum + size(file), 0);
console.log(`console: ${painted} bytes gzipped until the first page stands, of ${LIMIT_BYTES} allowed`);
if (painted > LIMIT_BYTES) {
  console.error(`clients/web/console: what the first page needs has grown past ${LIMIT_BYTES} bytes gzipped`);
  process.exit(1);
}
