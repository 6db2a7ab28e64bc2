// Writes the prices of engines.

/** Format dollars with cents; less than ten cents need a third digit. */
export function dollars(language, usd) {
  const format = { style: "currency", currency: "USD", minimumFractionDigits: 2, maximumFractionDigits: usd < 0.1 ? 3 : 2 };
  return new Intl.NumberFormat(language, format).format(usd);
}
