// A map of rows: zoom, move, point at a row, colour. One finger or the mouse moves it once it is
// enlarged, two fingers or + and − enlarge it, the arrow keys go from row to row.

const NEAR = 14; // pixels from a point at which it is meant
const MARGIN = 26; // pixels around all points when nothing is enlarged
const NAMED = 20; // categories with a colour of their own

function startMap(figure, data) {
  const canvas = figure.querySelector("canvas");
  const card = figure.querySelector(".card");
  const legend = figure.querySelector(".legend");
  const told = figure.querySelector("[aria-live]");
  const [across, up, colour] = figure.querySelectorAll("select");
  const axes = data.axes.map(column);
  const colours = [...data.colours.map(column), ...axes.filter((axis) => axis.also)];
  const rows = filler(data, colours);
  const view = { zoom: 1, x: 0, y: 0 }; // what has been enlarged and moved, in pixels
  let size = { width: 1, height: 1 };
  let xs = new Float64Array(data.count);
  let ys = new Float64Array(data.count);
  let chosen = -1; // row pointed at
  let only = -1; // category that is shown alone
  let due = false;

  // Where rows are ------------------------------------------------------------------------------

  function place() {
    const [h, v] = [axes[across.value], axes[up.value]];
    const width = (size.width - 2 * MARGIN) / (h.most - h.least || 1);
    const height = (size.height - 2 * MARGIN) / (v.most - v.least || 1);
    for (let i = 0; i < data.count; i += 1) {
      xs[i] = view.x + view.zoom * (MARGIN + width * (h.values[i] - h.least));
      ys[i] = view.y + view.zoom * (size.height - MARGIN - height * (v.values[i] - v.least));
    }
  }

  const inside = (i) => xs[i] >= 0 && ys[i] >= 0 && xs[i] <= size.width && ys[i] <= size.height;
  const shown = (i) => only < 0 || colours[colour.value].values[i] === only;

  function nearest(x, y, reach) {
    let best = -1;
    let least = reach * reach;
    for (let i = 0; i < data.count; i += 1) {
      const away = (xs[i] - x) ** 2 + (ys[i] - y) ** 2;
      if (away < least && shown(i)) [best, least] = [i, away];
    }
    return best;
  }

  /** The nearest row in a direction: one that lies more that way than aside. */
  function next(dx, dy) {
    let best = -1;
    let least = Infinity;
    for (let i = 0; i < data.count; i += 1) {
      const [x, y] = [xs[i] - xs[chosen], ys[i] - ys[chosen]];
      const along = x * dx + y * dy;
      const aside = Math.abs(x * dy - y * dx);
      const cost = along + 2 * aside;
      if (along > 1e-6 && aside <= along && cost < least && inside(i) && shown(i)) [best, least] = [i, cost];
    }
    return best;
  }

  // Colours -------------------------------------------------------------------------------------

  const other = () => ink("soft");

  function categorical(one) {
    return (value) => (value < Math.min(NAMED, one.levels.length) ? data.palette[value] : other());
  }

  function graded(one) {
    return (value) => {
      if (Number.isNaN(value)) return other();
      const share = (value - one.least) / (one.most - one.least || 1);
      return data.scale[Math.round(share * (data.scale.length - 1))];
    };
  }

  /** Round stamps, one for each colour: drawing one is quicker than filling a circle. */
  function stamps(radius, ratio) {
    const made = new Map();
    return (fill) => {
      if (!made.has(fill)) {
        const side = Math.ceil(2 * radius * ratio) + 2;
        const stamp = element("canvas", { width: side, height: side });
        const pen = stamp.getContext("2d");
        pen.fillStyle = fill;
        pen.globalAlpha = 0.8;
        pen.beginPath();
        pen.arc(side / 2, side / 2, radius * ratio, 0, 2 * Math.PI);
        pen.fill();
        made.set(fill, stamp);
      }
      return made.get(fill);
    };
  }

  // Drawing -------------------------------------------------------------------------------------

  function draw() {
    due = false;
    const sharp = sharpened(canvas);
    const { pen, ratio } = sharp;
    size = sharp;
    place();
    const one = colours[colour.value];
    const fill = one ? (one.levels ? categorical(one) : graded(one)) : () => ink("first");
    const crowd = data.count > 4000 ? 2.2 : data.count > 1000 ? 3 : 4;
    const radius = crowd * Math.min(2.2, view.zoom ** 0.3) * (size.width < 500 ? 0.8 : 1);
    const stamp = stamps(radius, ratio);
    const half = (Math.ceil(2 * radius * ratio) + 2) / ratio / 2;
    for (let i = 0; i < data.count; i += 1) {
      if (!inside(i)) continue;
      pen.globalAlpha = shown(i) ? 1 : 0.12;
      pen.drawImage(stamp(fill(one ? one.values[i] : 0)), xs[i] - half, ys[i] - half, 2 * half, 2 * half);
    }
    pen.globalAlpha = 1;
    if (one && one.levels && one.levels.length <= NAMED) names(pen, one);
    if (chosen >= 0) ring(pen, radius);
  }

  /** The name of each category in the middle of its rows. */
  function names(pen, one) {
    pen.font = `600 ${size.width < 500 ? 13 : 15}px system-ui, sans-serif`;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.lineWidth = 3.5;
    pen.lineJoin = "round";
    pen.strokeStyle = ink("paper");
    pen.fillStyle = ink("text");
    one.levels.forEach((name, kind) => {
      const mine = [];
      for (let i = 0; i < data.count; i += 1) if (one.values[i] === kind && inside(i) && shown(i)) mine.push(i);
      if (!mine.length) return;
      const middle = (values) => mine.map((i) => values[i]).sort((a, b) => a - b)[mine.length >> 1];
      const short = name.length > 16 ? `${name.slice(0, 15)}…` : name;
      const wide = pen.measureText(short).width / 2 + 4;
      const x = Math.min(size.width - wide, Math.max(wide, middle(xs)));
      pen.strokeText(short, x, middle(ys));
      pen.fillText(short, x, middle(ys));
    });
  }

  function ring(pen, radius) {
    pen.beginPath();
    pen.arc(xs[chosen], ys[chosen], radius + 3, 0, 2 * Math.PI);
    pen.strokeStyle = ink("text");
    pen.lineWidth = 2;
    pen.stroke();
  }

  function later() {
    if (!due) requestAnimationFrame(draw);
    due = true;
  }

  function describe() {
    const one = colours[colour.value];
    legend.replaceChildren();
    if (!one) return;
    if (!one.levels) {
      const bar = element("span", { class: "ramp" });
      bar.style.background = `linear-gradient(to right, ${data.scale.join(", ")})`;
      legend.append(said(one.least), bar, said(one.most));
      return;
    }
    one.levels.slice(0, NAMED).forEach((name, kind) => {
      const dot = element("i");
      dot.style.background = data.palette[kind];
      const button = element("button", { type: "button", "aria-pressed": only === kind }, dot, name);
      button.addEventListener("click", () => {
        only = only === kind ? -1 : kind;
        describe();
        later();
      });
      legend.append(button);
    });
    if (one.levels.length > NAMED) legend.append(`and ${one.levels.length - NAMED} more, in grey`);
  }

  // Pointing ------------------------------------------------------------------------------------

  function choose(i, speak) {
    if (i === chosen && !speak) return;
    chosen = i;
    figure.dataset.row = i;
    card.hidden = i < 0;
    if (i >= 0) {
      rows.fill(card, i);
      const aside = xs[i] > size.width / 2 ? xs[i] - card.offsetWidth - 14 : xs[i] + 14;
      const room = size.width - card.offsetWidth;
      card.style.left = `${Math.max(0, Math.min(room, aside))}px`;
      card.style.top = `${Math.max(0, Math.min(size.height - card.offsetHeight, ys[i] - card.offsetHeight / 2))}px`;
      if (speak) told.textContent = rows.words(i);
    }
    later();
  }

  function enlarge(factor, x = size.width / 2, y = size.height / 2) {
    const zoom = Math.min(200, Math.max(1, view.zoom * factor));
    view.x = x - (zoom / view.zoom) * (x - view.x);
    view.y = y - (zoom / view.zoom) * (y - view.y);
    view.zoom = zoom;
    move(0, 0);
  }

  function move(dx, dy) {
    const clamp = (at, room) => Math.min(0, Math.max(room * (1 - view.zoom), at));
    view.x = clamp(view.x + dx, size.width);
    view.y = clamp(view.y + dy, size.height);
    canvas.style.touchAction = view.zoom > 1 ? "none" : "pan-y"; // a finger may scroll the page, until enlarged
    place();
    if (chosen >= 0) choose(inside(chosen) ? chosen : -1, true);
    later();
  }

  const redraw = () => {
    choose(-1);
    describe();
    later();
  };
  const restart = () => {
    Object.assign(view, { zoom: 1, x: 0, y: 0 });
    move(0, 0);
    redraw();
  };

  for (const [choice, given] of [[across, axes], [up, axes], [colour, colours]]) {
    given.forEach((one, i) => choice.append(new Option(one.name, i)));
    choice.closest("label").hidden = given.length < (choice === colour ? 1 : 3);
  }
  up.value = 1;
  for (const choice of [across, up]) choice.addEventListener("change", restart);
  colour.addEventListener("change", () => {
    only = -1;
    redraw();
  });
  followPointers(canvas, { nearest, choose, enlarge, move, restart });
  followKeys(canvas, {
    step: (dx, dy) => {
      const to = chosen < 0 ? nearest(size.width / 2, size.height / 2, Infinity) : next(dx, dy);
      if (to >= 0) choose(to, true);
    },
    enlarge: (factor) => (chosen < 0 ? enlarge(factor) : enlarge(factor, xs[chosen], ys[chosen])),
    restart,
    leave: () => choose(-1),
  });
  const buttons = figure.querySelectorAll(".zoom button");
  [() => enlarge(1.6), () => enlarge(1 / 1.6), restart].forEach((act, i) => buttons[i].addEventListener("click", act));
  new ResizeObserver(restart).observe(canvas);
  onTheme(later);
  // For who wants to know where a row is: pixels from the canvas's corner.
  figure.where = (i) => [xs[i], ys[i]];
}
