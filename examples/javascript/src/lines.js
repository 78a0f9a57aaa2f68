/** @import { AcceptedLine, Offer } from "../gen/topi-saas.js" */

/**
 * Adds up the prices of all lines, in minor units.
 *
 * @param {Offer} offer
 * @returns {bigint}
 */
export function sumOf(offer) {
  return offer.offerLines.reduce((sum, line) => sum + line.price.value, 0n);
}

/**
 * Makes the partner's own id of each line.
 *
 * @param {Offer} offer
 * @returns {AcceptedLine[]}
 */
export function lineIds(offer) {
  return offer.offerLines.map((_, index) => ({ externalId: `line-${index + 1}` }));
}
