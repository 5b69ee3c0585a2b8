// Runs cases the same way on every runtime, without a test framework.

const LIMIT_MS = 20_000;

/** Runs one case after the other; whatever happens in it, the result says so. */
export async function runCases(cases) {
  const results = [];
  for (const { name, run } of cases) results.push({ name, ...(await runCase(run)) });
  return results;
}

async function runCase(run) {
  let timer;
  const limit = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`It took longer than ${LIMIT_MS} ms.`)), LIMIT_MS);
  });
  try {
    await Promise.race([run(), limit]);
    return { passed: true };
  } catch (error) {
    return { passed: false, message: String(error?.stack ?? error) };
  } finally {
    clearTimeout(timer);
  }
}
