// The inbox in SQLite, or what is said where there can be none.

import assert from "node:assert/strict";
import { isWebhookError } from "video-webhooks";
import { openSqliteInbox } from "video-webhooks/inbox/sqlite";
import { createRouters } from "./receivers.mjs";

/** @param path a file that does not exist */
export function inboxCases(deliveries, path) {
  return [
    {
      name: "the SQLite inbox stores what it answers, works it off, and knows it after it was opened again",
      run: () => storeAndWork(deliveries, path),
    },
  ];
}

/** @param message the words of the error, to the letter */
export function noInboxCases(path, message) {
  return [
    {
      name: "where there is no SQLite inbox, a ConfigurationError says what is needed",
      run: () =>
        assert.rejects(openSqliteInbox({ path }), (error) => {
          assert.equal(isWebhookError(error), true);
          assert.deepEqual([error.name, error.code, error.message], ["ConfigurationError", "configuration", message]);
          return true;
        }),
    },
  ];
}

async function storeAndWork(deliveries, path) {
  const ids = deliveries.map(({ id }) => id).sort();
  const first = await openSqliteInbox({ path });
  assert.deepEqual(
    await deliverAll(deliveries, first),
    deliveries.map(() => "accepted"),
  );
  assert.deepEqual(await idsIn(first, "received"), ids);
  await first.close();

  const second = await openSqliteInbox({ path });
  assert.deepEqual(await idsIn(second, "received"), ids);
  const handled = [];
  await new Promise((resolve) => {
    const routers = createRouters(deliveries, { inbox: second }, (_event, context) => {
      if (handled.push(context.id) === deliveries.length) resolve();
    });
    second.work(Object.values(routers));
  });
  // Ends the worker after what it has begun.
  await second.close();
  assert.deepEqual(handled.sort(), ids);

  const third = await openSqliteInbox({ path });
  assert.deepEqual(await idsIn(third, "done"), ids);
  assert.deepEqual(
    await deliverAll(deliveries, third),
    deliveries.map(() => "duplicate"),
  );
  await third.close();
}

async function deliverAll(deliveries, inbox) {
  const routers = createRouters(deliveries, { inbox });
  const answers = deliveries.map(async ({ provider, headers, body }) => {
    const response = await routers[provider].fetch(new Request("https://app.example.test/webhooks", { method: "POST", headers, body }));
    return (await response.json()).result;
  });
  return Promise.all(answers);
}

async function idsIn(inbox, state) {
  return (await inbox.list({ state })).entries.map(({ id }) => id).sort();
}
