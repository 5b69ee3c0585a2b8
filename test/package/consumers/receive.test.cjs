// What an application tests with Jest as it comes: the functions of the runner are given as globals.
const { createRouter, isWebhookError } = require("video-webhooks");
const { heygen } = require("video-webhooks/heygen");
const { kling } = require("video-webhooks/kling");
const { konpro } = require("video-webhooks/konpro");
const { sampleDelivery, tamper } = require("video-webhooks/testing");
const { videopilot } = require("video-webhooks/videopilot");
const { testReceivers } = require("./receive-samples.cjs");

testReceivers({ createRouter, isWebhookError, sampleDelivery, tamper }, { heygen, kling, konpro, videopilot });
