const { createRouter, verify } = require("video-webhooks");
const { expressHandler } = require("video-webhooks/express");
const { fastifyPlugin } = require("video-webhooks/fastify");
const { heygen } = require("video-webhooks/heygen");
const { honoHandler } = require("video-webhooks/hono");
const { createMemoryStore } = require("video-webhooks/idempotency");
const { kling } = require("video-webhooks/kling");
const { konpro } = require("video-webhooks/konpro");
const { nextApiRoute, nextRoute } = require("video-webhooks/next");
const { nodeHandler } = require("video-webhooks/node");
const { videopilot } = require("video-webhooks/videopilot");
const { receiveAll } = require("./receive.cjs");

receiveAll(
  { createRouter, verify, createMemoryStore },
  { heygen, konpro, videopilot, kling },
  { expressHandler, fastifyPlugin, honoHandler, nextApiRoute, nextRoute, nodeHandler },
);
