/** Measured numbers as text: few digits, never more certain than they are, `–` where no value exists. */

/** What stands for a value that does not exist (0/0, nothing measured). */
export const NO_VALUE = '–';

/** Whole numbers with thousands separated by commas. (`toLocaleString` would load locale data for 25 ms.) */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** A share of 0 to 1 in percent with three significant digits; 0 % and 100 % only when exactly so. */
export function formatShare(share: number | null | undefined): string {
  if (share === null || share === undefined || !Number.isFinite(share)) return NO_VALUE;
  const percent = share * 100;
  if (percent === 0 || percent === 100) return `${percent} %`;
  if (percent < 0.01) return '< 0.01 %';
  if (percent < 100 && percent >= 99.95) return '> 99.9 %';
  return `${percent < 10 ? percent.toFixed(2) : percent.toFixed(1)} %`;
}

/** Three significant digits, in e-notation below 0.001 and from 10 000 on. */
export function formatMeasure(value: number | null | undefined, digits = 3): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return NO_VALUE;
  const size = Math.abs(value);
  if (value === 0) return '0';
  return size < 1e-3 || size >= 1e4 ? value.toExponential(digits - 1) : value.toPrecision(digits);
}

/** A cosine in units of 1e-3 with its sign: RL experts of different domains differ in the third digit. */
export function formatMilli(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return NO_VALUE;
  const text = (value * 1000).toFixed(1);
  if (Number(text) === 0) return '0.0';
  return value > 0 ? `+${text}` : text;
}
