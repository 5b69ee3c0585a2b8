// Starts an example by its name:
//
//   npm run example express

const examples: Readonly<Record<string, string>> = {
  express: "./express/server.ts",
  fastify: "./fastify/server.ts",
  hono: "./hono/server.ts",
  next: "./next/start.ts",
  "cloudflare-worker": "./cloudflare-worker/start.ts",
  "inbox-sqlite": "./inbox-sqlite/server.ts",
  "inbox-postgres": "./inbox-postgres/server.ts",
  "inbox-redis": "./inbox-redis/server.ts",
};

const name = process.argv[2] ?? "";
if (!Object.hasOwn(examples, name)) {
  const reason = name === "" ? "Which example?" : `There is no example "${name}".`;
  console.error(
    `${reason}\n\n${Object.keys(examples)
      .map((each) => `  npm run example ${each}\n`)
      .join("")}`,
  );
  process.exit(1);
}
await import(examples[name] as string);
