/** Rejects when a promise takes too long. What it stands for goes on, unheard. */
export function within<Result>(milliseconds: number, promise: Promise<Result>, message: string): Promise<Result> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(message)), milliseconds);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
