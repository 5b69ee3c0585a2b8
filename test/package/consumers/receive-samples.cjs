// Tests for any runner with the globals `test` and `expect`, on what a test file got by `import` or by `require`.
const types = {
  heygen: "avatar_video.success",
  konpro: "avatar_video.fail",
  videopilot: "render.completed",
  kling: "task.succeeded",
};

exports.testReceivers = function testReceivers({ createRouter, isWebhookError, sampleDelivery, tamper }, providers) {
  for (const [name, type] of Object.entries(types)) {
    test(`the handler gets what ${name} has signed, and nothing else`, async () => {
      const secret = `whsec_${Buffer.from("twenty-four bytes of key").toString("base64")}`;
      const events = [];
      const errors = [];
      const router = createRouter(providers[name]({ secret }))
        .on(type, (event, context) => events.push({ event, type: context.type }))
        .onError((error) => errors.push(error));
      const sample = sampleDelivery(name, type, { secret });
      const forged = tamper(sample, "body");

      expect((await router.receive(forged.delivery)).result).toBe("unauthenticated");
      expect((await router.fetch(forged.request)).status).toBe(401);
      expect(events).toEqual([]);
      expect(errors.map((error) => isWebhookError(error) && error.code)).toEqual(["signature_mismatch", "signature_mismatch"]);

      const response = await router.fetch(sample.request);
      expect(response.status).toBe(200);
      expect(await response.json()).toMatchObject({ result: "processed" });
      expect(events).toEqual([{ event: expect.objectContaining(JSON.parse(Buffer.from(sample.rawBody).toString())), type }]);
      expect((await router.receive(sample.delivery)).result).toBe("duplicate");
    });
  }
};
