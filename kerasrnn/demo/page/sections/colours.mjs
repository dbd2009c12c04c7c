// Colours of numbers: pale enough for dark letters on them.

const LOW = [0x5b, 0x93, 0xd3];
const HIGH = [0xe2, 0x66, 0x5a];
const SHINE = [0xf2, 0xb8, 0x4b];

function mixed(end, share) {
  const parts = end.map((value) => Math.round(255 + (value - 255) * share));
  return `rgb(${parts.join(", ")})`;
}

/** From blue, -1, through white, 0, to red, 1; beyond is as -1 and 1. */
export function diverging(value) {
  return mixed(value < 0 ? LOW : HIGH, Math.min(Math.abs(value), 1));
}

/** From white, 0, to amber, 1. */
export function shining(value) {
  return mixed(SHINE, Math.min(Math.max(value, 0), 1));
}

export const percent = (share) => `${Math.round(100 * share)} %`;

/** A number with its sign. */
export function signed(value, digits = 2) {
  const text = Math.abs(value).toFixed(digits);
  return Number(text) === 0 ? text : `${value < 0 ? "−" : "+"}${text}`;
}
