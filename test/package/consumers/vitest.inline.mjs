// Vite transforms the package as it does the application, instead of leaving it to Node.js.
export default { test: { globals: true, server: { deps: { inline: ["video-webhooks"] } } } };
