import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { describe, expect, test } from "vitest";
import { providers } from "./entry-points.ts";
import { root } from "./module-graph.ts";

// Above the 8 kB that are aimed at; error messages alone are about 2 kB of it. The budget keeps it from growing unseen.
const MOST_BYTES = 14_336;

describe("core and one provider, minified and compressed, without zod", () => {
  test.each(providers)(`stay below ${MOST_BYTES} bytes: %s`, async (provider) => {
    const { outputFiles, metafile } = await build({
      stdin: {
        contents: `export { createRouter, verify } from "video-webhooks"; export { ${provider} } from "video-webhooks/${provider}";`,
        resolveDir: root,
      },
      bundle: true,
      minify: true,
      format: "esm",
      platform: "node",
      target: "es2022",
      external: ["zod"],
      write: false,
      metafile: true,
      logLevel: "silent",
    });
    const inputs = Object.keys(metafile.inputs);
    // Otherwise there would be little to measure.
    expect(inputs).toEqual(expect.arrayContaining(["dist/index.js", `dist/${provider}.js`]));
    const code = outputFiles[0]?.contents ?? new Uint8Array();
    const bytes = gzipSync(code).byteLength;
    console.log(`core + ${provider}: ${bytes} bytes gzip, ${code.byteLength} bytes minified`);
    expect(bytes).toBeLessThanOrEqual(MOST_BYTES);
  });
});
