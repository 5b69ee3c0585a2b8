const { createRouter, verify } = require("video-webhooks");
const { heygen } = require("video-webhooks/heygen");
const { createMemoryStore } = require("video-webhooks/idempotency");
const { kling } = require("video-webhooks/kling");
const { konpro } = require("video-webhooks/konpro");
const { nodeHandler } = require("video-webhooks/node");
const { videopilot } = require("video-webhooks/videopilot");
const { receiveAll } = require("./receive.cjs");

receiveAll({ createRouter, verify, createMemoryStore, nodeHandler }, { heygen, konpro, videopilot, kling });
