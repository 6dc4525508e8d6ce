"use strict";
// Numbers out of base64, words for numbers, colours of the page.

const TYPES = { uint8: Uint8Array, uint16: Uint16Array, float32: Float32Array };

/** Values low + step · raw as floats; NaN where there is a gap. */
function unpack(packed) {
  const bytes = Uint8Array.from(atob(packed.data), (letter) => letter.charCodeAt(0));
  const raw = new TYPES[packed.type](bytes.buffer);
  return Float64Array.from(raw, (x) => (x === packed.gap ? NaN : packed.low + packed.step * x));
}

/** A number as people read it: four digits, and all those of a whole number. */
function said(value) {
  if (Number.isNaN(value)) return "missing";
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return String(value);
  const size = Math.abs(value);
  const text = size >= 1e6 || size < 1e-4 ? value.toExponential(3) : String(Number(value.toPrecision(4)));
  return text.replace("-", "−");
}

/** A column of the page's data: its values, and the words for each of them. */
function column(found) {
  const values = unpack(found.values);
  let least = Infinity;
  let most = -Infinity;
  for (const x of values) {
    if (x < least) least = x;
    if (x > most) most = x;
  }
  const words = (x) => {
    if (Number.isNaN(x)) return "missing";
    if (found.levels) return found.levels[x];
    if (found.time) return new Date(1000 * x).toISOString().slice(0, 16).replace("T", " ");
    return said(x);
  };
  return { ...found, values, least, most, words };
}

/** A colour of the page, as it is now: light or dark. */
function ink(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** An element with attributes, text or children. */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** A canvas as sharp as the screen; answers with what to draw on and the size in CSS pixels. */
function sharpened(canvas) {
  const ratio = Math.min(3, window.devicePixelRatio || 1);
  const { width, height } = canvas.getBoundingClientRect();
  canvas.width = Math.max(1, Math.round(width * ratio));
  canvas.height = Math.max(1, Math.round(height * ratio));
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  return { pen, width, height, ratio };
}

/** Calls `draw` when the page turns light or dark. */
function onTheme(draw) {
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}

/** A picture that is in the page's data; `then` is called when it can be drawn. */
function picture(source, then) {
  const image = new Image();
  image.addEventListener("load", then);
  image.src = source;
  return image;
}
