// Bundles the page into static files: `node build.mjs [FOLDER]`, by default ../build/web.
// Scripts and styles carry their content's hash in the name, so that they may be cached for ever.
import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const outdir = resolve(process.argv[2] ?? join(here, "../build/web"));

await rm(outdir, { recursive: true, force: true });
await mkdir(outdir, { recursive: true });
const { metafile } = await build({
  absWorkingDir: here,
  entryPoints: ["src/main.js", "styles.css"],
  outdir: join(outdir, "assets"),
  entryNames: "[name]-[hash]",
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  legalComments: "linked",
  metafile: true,
});

let page = await readFile(join(here, "index.html"), "utf8");
for (const [output, { entryPoint }] of Object.entries(metafile.outputs)) {
  if (entryPoint) page = page.replace(`"${entryPoint}"`, `"assets/${basename(output)}"`);
}
await writeFile(join(outdir, "index.html"), page);
await copyFile(join(here, "icon.svg"), join(outdir, "icon.svg"));
