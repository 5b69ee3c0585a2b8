import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

/** What some code that imports the package comes to. */
export interface Bundle {
  /** Minified and compressed. */
  readonly bytes: number;
  readonly inputs: readonly string[];
}

/** Bundles some code that imports the package, without its peers. */
export async function bundle(contents: string): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    stdin: { contents, resolveDir: fileURLToPath(new URL("../..", import.meta.url)) },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "node",
    target: "es2022",
    external: ["zod", "pg-boss", "bullmq", "ioredis", "@opentelemetry/api"],
    write: false,
    metafile: true,
    logLevel: "silent",
  });
  const code = outputFiles[0]?.contents ?? new Uint8Array();
  return { bytes: gzipSync(code).byteLength, inputs: Object.keys(metafile.inputs) };
}

/** Bundles the core and one provider. */
export async function bundleCoreWith(provider: string): Promise<Bundle> {
  const code = `export { createRouter, verify } from "video-webhooks"; export { ${provider} } from "video-webhooks/${provider}";`;
  const bundled = await bundle(code);
  const missing = ["dist/index.js", `dist/${provider}.js`].filter((file) => !bundled.inputs.includes(file));
  // Otherwise there would be little to measure.
  if (missing.length > 0) throw new Error(`The bundle is without ${missing.join(" and ")}.`);
  return bundled;
}
