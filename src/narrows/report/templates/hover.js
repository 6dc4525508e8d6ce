// How one row is shown: each kind draws row `i` into an element, which it may have to fill again.

/** One tile of a sheet of pictures. */
function tiles(found) {
  let waiting = null;
  const image = picture(found.src, () => waiting && waiting());
  return (place, i) => {
    const zoom = Math.max(1, Math.floor(112 / Math.max(found.width, found.height)));
    const canvas = element("canvas", { class: "tile", width: found.width, height: found.height });
    canvas.style.width = `${zoom * found.width}px`;
    canvas.style.height = `${zoom * found.height}px`;
    place.append(canvas);
    const draw = () => {
      const left = (i % found.columns) * found.width;
      const top = Math.floor(i / found.columns) * found.height;
      const size = [found.width, found.height];
      canvas.getContext("2d").drawImage(image, left, top, ...size, 0, 0, ...size);
    };
    if (image.complete) draw();
    else waiting = draw;
  };
}

/** Curves over time, one for each channel: values lie row by row, in each channel by channel. */
function curves(found) {
  const values = unpack(found.values);
  return (place, i) => {
    const canvas = element("canvas", { class: "curves" });
    place.append(canvas);
    const size = found.channels * found.length;
    drawCurves(canvas, values.subarray(i * size, (i + 1) * size), found, limits(values, found));
  };
}

/** The least and the greatest value of each channel over all rows. */
function limits(values, found) {
  if (!found.limits) {
    found.limits = Array.from({ length: found.channels }, () => [Infinity, -Infinity]);
    for (let at = 0; at < values.length; at += 1) {
      const ends = found.limits[Math.floor(at / found.length) % found.channels];
      ends[0] = Math.min(ends[0], values[at]);
      ends[1] = Math.max(ends[1], values[at]);
    }
  }
  return found.limits;
}

function drawCurves(canvas, values, found, ends) {
  const { pen, width, height } = sharpened(canvas);
  const room = height / found.channels;
  for (let channel = 0; channel < found.channels; channel += 1) {
    const [low, high] = ends[channel];
    pen.beginPath();
    for (let t = 0; t < found.length; t += 1) {
      const share = (values[channel * found.length + t] - low) / (high - low || 1);
      const y = room * channel + 2 + (1 - share) * (room - 4);
      const x = 1 + (t / Math.max(1, found.length - 1)) * (width - 2);
      if (t) pen.lineTo(x, y);
      else pen.moveTo(x, y);
    }
    pen.strokeStyle = ink(channel % 2 ? "second" : "first");
    pen.lineWidth = 1.5;
    pen.stroke();
  }
}

/** The entries of a row that stand out, by name; `which` says which, `most` of each row. */
function standing(found) {
  const which = unpack(found.which);
  const values = unpack(found.values);
  return (place, i) => {
    for (let at = i * found.most; at < (i + 1) * found.most; at += 1) {
      pair(place, found.names[which[at]], said(values[at]));
    }
  };
}

/** A name and a value in a list of them. */
function pair(place, name, value) {
  place.append(element("dt", {}, name), element("dd", {}, value));
}

const KINDS = { tiles, curves, standing };
const IN_LIST = { standing }; // these write names and values, the others draw

/** A function (card, i) that fills a card with row i. */
function filler(data, columns) {
  const kind = data.hover.kind;
  const draw = kind ? KINDS[kind](data.hover) : null;
  const index = data.index ? unpack(data.index) : null;
  const number = (i) => (index ? index[i] : i);
  const fill = (card, i) => {
    card.replaceChildren(element("p", { class: "row" }, `row ${number(i)}`));
    const list = element("dl");
    if (draw && !IN_LIST[kind]) draw(card, i);
    for (const one of columns) {
      if (one.shown) pair(list, one.name, one.words(one.values[i]));
    }
    if (draw && IN_LIST[kind]) draw(list, i);
    card.append(list);
  };
  const words = (i) => {
    const parts = columns.filter((one) => one.shown).slice(0, 12);
    return [`row ${number(i)}`, ...parts.map((one) => `${one.name} ${one.words(one.values[i])}`)].join(", ");
  };
  return { fill, words };
}
