// Bundles the element into one ES module file for a script tag, and holds it to its size.
import { readFileSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const LIMIT_BYTES = 60_000;
const FILE = "dist/embed/payment-actions.js";

await build({
  entryPoints: ["src/element.ts"],
  outfile: FILE,
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  legalComments: "eof",
  charset: "utf8",
  logLevel: "warning",
});

const size = gzipSync(readFileSync(FILE), { level: 9 }).length;
writeFileSync("dist/embed/size.json", `${JSON.stringify({ gzip_bytes: size, limit_bytes: LIMIT_BYTES })}\n`);
console.log(`payment-actions.js: ${size} bytes gzipped, of ${LIMIT_BYTES} allowed`);
if (size > LIMIT_BYTES) {
  console.error(`clients/web: ${FILE} has grown past its limit of ${LIMIT_BYTES} bytes gzipped`);
  process.exit(1);
}
