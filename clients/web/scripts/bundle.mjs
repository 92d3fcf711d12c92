// Bundles the element into one ES module file for a script tag, and holds it to its size.
import { readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const LIMIT_BYTES = 60_000;
const FILE = "dist/embed/payment-actions.js";

// The element speaks binary, so protobuf's JSON mapping is not needed: 9 kB that every page would load for nothing.
const withoutJson = {
  name: "without-json",
  setup(bundling) {
    const names = {
      "from-json": ["fromJson", "fromJsonString", "mergeFromJson", "mergeFromJsonString", "enumFromJson", "isEnumJson"],
      "to-json": ["toJson", "toJsonString", "enumToJson"],
    };
    bundling.onLoad({ filter: /@bufbuild\/protobuf\/dist\/esm\/(from|to)-json\.js$/ }, ({ path }) => ({
      contents: `function none() { throw new Error("this bundle speaks binary only") }
        export { ${names[/(from|to)-json/.exec(path)[0]].map((name) => `none as ${name}`).join(", ")} }`,
    }));
  },
};

// Text format writes the defaults that fields of proto2 declare: of all that is bundled, only protobuf's own description of
// itself has any, and nobody reads those.
const withoutTextFormat = {
  name: "without-text-format",
  setup(bundling) {
    bundling.onLoad({ filter: /@bufbuild\/protobuf\/dist\/esm\/wire\/text-format\.js$/ }, () => ({
      contents:
        "export const parseTextFormatEnumValue = () => undefined, parseTextFormatScalarValue = () => undefined;",
    }));
  },
};

// Enums are filled by a function that a bundler dares not leave out; most of protobuf's own nobody asks for.
const pureEnums = {
  name: "pure-enums",
  setup(bundling) {
    const filled =
      /export var (\w+);\s*(?:\/\*\*[^/]*\*\/\s*)?\(function \(\1\) \{([\s\S]*?)\n\}\)\(\1 \|\| \(\1 = \{\}\)\);/g;
    bundling.onLoad(
      { filter: /@bufbuild\/protobuf\/dist\/esm\/(wkt|reflect|wire|descriptors)?.*_pb\.js$/ },
      ({ path }) => ({
        contents: readFileSync(path, "utf8").replace(
          filled,
          "export const $1 = /* @__PURE__ */ (() => { const $1 = {};$2\nreturn $1; })();",
        ),
      }),
    );
  },
};

// Each generated file describes itself in base64, in which compression finds no two words alike. As plain text it does.
const plainDescriptions = {
  name: "plain-descriptions",
  setup(bundling) {
    const plain = (_, base64) => `fileDesc(btoa(${JSON.stringify(Buffer.from(base64, "base64").toString("latin1"))})`;
    bundling.onLoad({ filter: /[\\/]src[\\/]gen[\\/].*_pb\.ts$/ }, ({ path }) => ({
      contents: readFileSync(path, "utf8").replace(/fileDesc\("([A-Za-z0-9+/=]+)"/g, plain),
      loader: "ts",
    }));
  },
};

// A translation repeats every key of the English one: the order says it too.
const keysOnce = {
  name: "keys-once",
  setup(bundling) {
    bundling.onLoad({ filter: /[\\/]i18n[\\/](de|es|fr|ja)\.ts$/ }, async ({ path }) => {
      const name = basename(path, ".ts");
      const { en } = await import("../dist/i18n/en.js");
      const language = (await import(`../dist/i18n/${name}.js`))[name];
      const texts = JSON.stringify(Object.keys(en).map((key) => language[key]));
      return {
        contents: `import { en } from "./en.js"; const texts = ${texts};
          export const ${name} = /* @__PURE__ */ Object.fromEntries(Object.keys(en).map((key, index) => [key, texts[index]]));`,
      };
    });
  },
};

// Blank space in a style sheet is no use to anybody but its author.
const tightStyles = {
  name: "tight-styles",
  setup(bundling) {
    bundling.onLoad({ filter: /styles\.ts$/ }, ({ path }) => ({
      contents: readFileSync(path, "utf8").replace(/css`[^`]*`/g, (sheet) =>
        sheet.replace(/\s+/g, " ").replace(/ ?([{};,]) ?/g, "$1"),
      ),
      loader: "ts",
    }));
  },
};

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
  plugins: [withoutJson, withoutTextFormat, pureEnums, plainDescriptions, keysOnce, tightStyles],
});

const size = gzipSync(readFileSync(FILE), { level: 9 }).length;
writeFileSync("dist/embed/size.json", `${JSON.stringify({ gzip_bytes: size, limit_bytes: LIMIT_BYTES })}\n`);
console.log(`payment-actions.js: ${size} bytes gzipped, of ${LIMIT_BYTES} allowed`);
if (size > LIMIT_BYTES) {
  console.error(`clients/web: ${FILE} has grown past its limit of ${LIMIT_BYTES} bytes gzipped`);
  process.exit(1);
}
