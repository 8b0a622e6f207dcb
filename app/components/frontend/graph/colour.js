// Colours as three numbers from 0 to 1, and the numbers at which they are full.

export const rgbOf = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255);

export function mixed(a, b, share) {
  return a.map((value, i) => value + (b[i] - value) * share);
}

export function cssOf(rgb, alpha = 1) {
  const [r, g, b] = rgb.map((value) => Math.round(value * 255));
  return alpha < 1 ? `rgba(${r},${g},${b},${alpha})` : `rgb(${r},${g},${b})`;
}

// A number about zero as a colour of the diverging scale.
export function divergingOf(value, limit, colours) {
  const share = Math.min(Math.abs(value) / limit, 1);
  return mixed(colours.zero, value < 0 ? colours.negative : colours.positive, share);
}

// The |value| that a share of all values stays below; the largest where that is 0, and never 0.
export function fullColour(values, share) {
  const sizes = Float64Array.from(values, Math.abs).filter(Number.isFinite).sort();
  if (!sizes.length) return 1;
  return sizes[Math.floor(share * (sizes.length - 1))] || sizes[sizes.length - 1] || 1;
}

export function inDigits(value) {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  const text = size !== 0 && (size < 1e-3 || size >= 1e5) ? value.toExponential(2) : Number(value.toPrecision(3)).toString();
  return text.replace("-", "−");
}

export const signed = (value) => (value > 0 ? "+" : "") + inDigits(value);
export const inWords = (count) => count.toLocaleString("en-US");
