import { ConfigurationError } from "../errors.ts";

/** Secrets beyond this number would only multiply the work per delivery (pitfall P21). */
const MOST_SECRETS = 10;

const OPT_OUT = "or choose token or unsigned: true for deliveries that the provider does not sign";

/**
 * Checks a secret as far as that is possible without knowing its scheme (pitfalls P7, P8, P10).
 *
 * @throws {@link ConfigurationError} `secret_missing` when there is none, `configuration` when it cannot be meant
 */
export function checkSecret(secret: unknown): asserts secret is string {
  if (secret === undefined || secret === null || secret === "") {
    throw missing(secret === "" ? "it is an empty string" : `it is ${secret}`);
  }
  if (typeof secret !== "string") {
    throw new ConfigurationError(`The secret must be a string, but is of type ${typeof secret}. Pass the text as the provider shows it.`);
  }
  if (secret.trim() === "") throw missing("it consists of white space only");
  // eslint-disable-next-line no-restricted-syntax -- it is compared with itself
  if (secret.trim() !== secret) {
    throw new ConfigurationError(
      "The secret starts or ends with white space, usually a line break from a file or an environment. Remove it: secret.trim().",
    );
  }
  if (/^\0*$/.test(secret)) throw new ConfigurationError("The secret consists of zero bytes only, which equals no key at all.");
  if (secret === "whsec_") {
    throw new ConfigurationError('The secret is only the prefix "whsec_". Copy the whole secret from the provider.');
  }
}

function missing(found: string): ConfigurationError {
  return new ConfigurationError(`A secret is required, but ${found}. Set the environment variable or setting it comes from, ${OPT_OUT}.`, {
    code: "secret_missing",
  });
}

/**
 * Brings one or several secrets into a list and checks each.
 *
 * @throws {@link ConfigurationError} for an empty list, more than ten secrets, or a secret that cannot be meant
 */
export function toSecrets(secret: unknown): readonly string[] {
  const secrets: readonly unknown[] = Array.isArray(secret) ? secret : [secret];
  if (secrets.length === 0) throw missing("the list of secrets is empty");
  if (secrets.length > MOST_SECRETS) {
    throw new ConfigurationError(`At most ${MOST_SECRETS} secrets can be tried, but ${secrets.length} were given. Drop the oldest.`);
  }
  for (const each of secrets) checkSecret(each);
  return secrets as readonly string[];
}

/**
 * Checks a limit for signed times: compared with `NaN`, every time would pass (pitfall P25).
 *
 * @throws {@link ConfigurationError} for anything but a finite number above zero
 */
export function checkMaxAge(maxAgeSeconds: unknown): void {
  if (typeof maxAgeSeconds === "number" && Number.isFinite(maxAgeSeconds) && maxAgeSeconds > 0) return;
  throw new ConfigurationError("The option maxAgeSeconds must be a finite number of seconds above zero.");
}
