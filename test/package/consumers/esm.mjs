import { createRouter, verify } from "video-webhooks";
import { heygen } from "video-webhooks/heygen";
import { createMemoryStore } from "video-webhooks/idempotency";
import { kling } from "video-webhooks/kling";
import { konpro } from "video-webhooks/konpro";
import { nodeHandler } from "video-webhooks/node";
import { videopilot } from "video-webhooks/videopilot";
import { receiveAll } from "./receive.cjs";

await receiveAll({ createRouter, verify, createMemoryStore, nodeHandler }, { heygen, konpro, videopilot, kling });
