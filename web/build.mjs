// Bundles the page into static files: `node build.mjs [FOLDER]`, by default ../build/web.
// Scripts and styles have their content's hash in the name, so they may be cached forever.
// PAGE_URL, the page's future URL, makes the URLs of link previews absolute.
import { createHash } from "node:crypto";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const outdir = resolve(process.argv[2] ?? join(here, "../build/web"));
const pageUrl = (process.env.PAGE_URL ?? "").replace(/\/?$/, process.env.PAGE_URL ? "/" : "");

const common = {
  absWorkingDir: here,
  bundle: true,
  minify: true,
  target: "es2022",
  legalComments: "linked",
  metafile: true,
};

// After a failed request the SDK fetches an image from Google to find out whether there is a network.
// That would tell a third party about the visit, and the page's policy refuses it.
const withoutPing = {
  name: "without-ping",
  setup({ onLoad }) {
    onLoad({ filter: /webchannel_blob_es2018\.js$/ }, async ({ path }) => {
      const source = await readFile(path, "utf8");
      const contents = source.replace("e?Bc(d.toString(),c):Cc(d.toString(),c);", "");
      if (contents === source) throw new Error(`the SDK's ping was not found in ${path}`);
      return { contents, loader: "js" };
    });
  },
};

await rm(outdir, { recursive: true, force: true });
await mkdir(outdir, { recursive: true });

const { metafile } = await build({
  ...common,
  entryPoints: ["src/main.js", "src/shared.js", "src/privacy.js", "styles/page.css"],
  outdir: join(outdir, "assets"),
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  format: "esm",
  splitting: true,
  plugins: [withoutPing],
  alias: { re2js: join(here, "src/replacements/re2js.js") },
});
const names = new Map(
  Object.entries(metafile.outputs)
    .filter(([, { entryPoint }]) => entryPoint)
    .map(([output, { entryPoint }]) => [entryPoint, `assets/${basename(output)}`]),
);

// Texts are data: both languages in one file, which is fetched, not compiled.
const words = {};
for (const language of ["ko", "en"]) words[language] = JSON.parse(await readFile(join(here, `src/texts/${language}.json`), "utf8"));
const texts = JSON.stringify(words);
names.set("texts.json", `assets/texts-${digest(texts)}.json`);
await writeFile(join(outdir, names.get("texts.json")), texts);

for (const document of ["index.html", "share.html", "privacy.html"]) {
  let page = await readFile(join(here, document), "utf8");
  for (const [, name] of page.matchAll(/<!-- include (\S+) -->/g)) {
    page = page.replace(`<!-- include ${name} -->`, (await readFile(join(here, "parts", name), "utf8")).trim());
  }
  for (const [source, name] of names) page = page.replaceAll(`"${source}"`, `"${name}"`);
  page = page.replaceAll("{page}", pageUrl);
  page = page.replace(/^( *)<script type="module".*src="(.*?)".*$/m, (script, indent, source) =>
    [...imported(metafile, source).map((chunk) => `${indent}<link rel="modulepreload" href="${chunk}" />`), script].join("\n"),
  );
  await writeFile(join(outdir, document), page);
}
await cp(join(here, "static"), outdir, { recursive: true });

// The shell that opens without a network: the documents, what they load immediately, and the icon.
const shell = ["index.html", "share.html", "icon.svg", "manifest.webmanifest", ...eager(metafile)];
await build({
  ...common,
  metafile: false,
  entryPoints: ["src/service-worker.js"],
  outfile: join(outdir, "service-worker.js"),
  format: "iife",
  define: { SHELL: JSON.stringify(shell), VERSION: JSON.stringify(digest((await readdir(join(outdir, "assets"))).join())) },
});
// The size of each module in each script, for the size budget.
await writeFile(join(outdir, "..", "web-meta.json"), JSON.stringify(metafile));

function digest(words) {
  return createHash("sha256").update(words).digest("hex").slice(0, 8).toUpperCase();
}

/** Return the assets that the two documents load, without those that are loaded on demand. */
function eager({ outputs }) {
  const wanted = new Set();
  const visit = (output) => {
    if (wanted.has(output)) return;
    wanted.add(output);
    for (const { path, kind } of outputs[output].imports) if (kind === "import-statement") visit(path);
  };
  for (const [output, { entryPoint }] of Object.entries(outputs)) if (isDocument(entryPoint)) visit(output);
  // Every visit that has a session loads the live listener a moment later, and a press loads an element.
  for (const [output, { entryPoint }] of Object.entries(outputs)) if (/^src\/(firestore\.js|elements\/)/.test(entryPoint)) visit(output);
  return [...wanted].map((output) => `assets/${basename(output)}`).concat(names.get("texts.json"));
}

/** Return the chunks that a script imports, so the browser can load them all at once. */
function imported({ outputs }, source) {
  const [, { imports }] = Object.entries(outputs).find(([output]) => basename(output) === basename(source));
  return imports.filter(({ kind }) => kind === "import-statement").map(({ path }) => `assets/${basename(path)}`);
}

function isDocument(entryPoint) {
  return ["src/main.js", "src/shared.js", "styles/page.css"].includes(entryPoint);
}
