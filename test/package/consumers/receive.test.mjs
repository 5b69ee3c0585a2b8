// What an application tests with Vitest, or with Jest and modules: the functions of the runner are given as globals.
import { createRouter, isWebhookError } from "video-webhooks";
import { heygen } from "video-webhooks/heygen";
import { kling } from "video-webhooks/kling";
import { konpro } from "video-webhooks/konpro";
import { sampleDelivery, tamper } from "video-webhooks/testing";
import { videopilot } from "video-webhooks/videopilot";
import { testReceivers } from "./receive-samples.cjs";

testReceivers({ createRouter, isWebhookError, sampleDelivery, tamper }, { heygen, kling, konpro, videopilot });
