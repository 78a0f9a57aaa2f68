/** Writes an amount in minor units: `minorUnits(4998n)` is "49.98". `digits` is the number of digits after the point. */
export function minorUnits(amount, digits = 2) {
  const sign = amount < 0 ? "-" : "";
  const text = String(BigInt(amount)).replace("-", "").padStart(digits + 1, "0");
  return digits === 0 ? sign + text : `${sign}${text.slice(0, -digits)}.${text.slice(-digits)}`;
}
