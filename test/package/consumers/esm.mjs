import { createRouter, verify } from "video-webhooks";
import { expressHandler } from "video-webhooks/express";
import { fastifyPlugin } from "video-webhooks/fastify";
import { heygen } from "video-webhooks/heygen";
import { honoHandler } from "video-webhooks/hono";
import { createMemoryStore } from "video-webhooks/idempotency";
import { kling } from "video-webhooks/kling";
import { konpro } from "video-webhooks/konpro";
import { nextApiRoute, nextRoute } from "video-webhooks/next";
import { nodeHandler } from "video-webhooks/node";
import { videopilot } from "video-webhooks/videopilot";
import { receiveAll } from "./receive.cjs";

await receiveAll(
  { createRouter, verify, createMemoryStore },
  { heygen, konpro, videopilot, kling },
  { expressHandler, fastifyPlugin, honoHandler, nextApiRoute, nextRoute, nodeHandler },
);
