import type { AcceptedLine, Offer } from "../gen/topi-saas.js";

/** Adds up the prices of all lines, in minor units. */
export function sumOf(offer: Offer): bigint {
  return offer.offerLines.reduce((sum, line) => sum + line.price.value, 0n);
}

/** Makes the partner's own id of each line. */
export function lineIds(offer: Offer): AcceptedLine[] {
  return offer.offerLines.map((_, index) => ({ externalId: `line-${index + 1}` }));
}
