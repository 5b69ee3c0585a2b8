import { recipeOf, type SampleDelivery } from "../testing/sample.ts";
import type { Redactor } from "./redact.ts";

/** Hides the signature of a delivery from now on, however a scheme writes it down. */
export function hideSignature(redactor: Redactor, sample: SampleDelivery): void {
  const signature = sample.headers[recipeOf(sample).signer?.signing.signatureHeader ?? ""] ?? "";
  for (const each of signature.split(/[\s,]|^sha256=/)) if (each !== "") redactor.hide(each);
}
