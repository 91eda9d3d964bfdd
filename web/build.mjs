/**
 * Bundles the talk page: `node build.mjs`. With `--tests`, the unit tests into .tests instead.
 *
 * Two files come out of it. `start.js` is small and old-fashioned enough to say in any browser with modules that the
 * browser is too old; `talk.js` is all the rest. Beside each stands its compressed form, which the registry serves.
 */

import { readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { constants, gzipSync } from "node:zlib";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "../registry/page/static/talk");
const common = { absWorkingDir: here, bundle: true, format: "esm", logLevel: "warning" };

if (process.argv.includes("--tests")) {
  const tests = readdirSync(join(here, "tests")).filter((name) => name.endsWith(".test.ts"));
  rmSync(join(here, ".tests"), { recursive: true, force: true });
  await build({
    ...common,
    entryPoints: tests.map((name) => `tests/${name}`),
    outdir: ".tests",
    outExtension: { ".js": ".mjs" },
    platform: "node",
    target: "node20",
  });
} else {
  const page = { ...common, minify: true, outdir: out, legalComments: "none" };
  await build({ ...page, entryPoints: ["src/talk.ts"], target: "es2022" });
  await build({ ...page, entryPoints: ["src/start.ts"], target: "es2018", external: ["./talk.js"] });
  for (const name of ["talk.js", "start.js"]) {
    const bytes = readFileSync(join(out, name));
    writeFileSync(join(out, `${name}.gz`), gzipSync(bytes, { level: constants.Z_BEST_COMPRESSION }));
  }
}
