// A slider: what changes when one number moves.

/** Shows frames of a kind: each answers with a function (which, step) that draws. */
const FRAMES = {
  tiles(found, stage) {
    const gap = Math.max(1, Math.round(found.width / 14));
    const wide = found.beside * (found.width + gap) - gap;
    const canvas = element("canvas", { class: "frame", width: wide, height: found.height, role: "img" });
    canvas.style.maxWidth = `${Math.max(wide, Math.ceil(112 / found.width) * wide)}px`;
    stage.append(canvas);
    let now = [0, 0];
    const draw = (which, step) => {
      now = [which, step];
      const pen = canvas.getContext("2d");
      pen.clearRect(0, 0, wide, found.height);
      if (!image.complete) return;
      const size = [found.width, found.height];
      for (let i = 0; i < found.beside; i += 1) {
        const at = (which * found.steps + step) * found.beside + i;
        const left = (at % found.columns) * found.width;
        const top = Math.floor(at / found.columns) * found.height;
        pen.drawImage(image, left, top, ...size, i * (found.width + gap), 0, ...size);
      }
    };
    const image = picture(found.src, () => draw(...now));
    return draw;
  },

  curves(found, stage) {
    const canvas = element("canvas", { class: "wide frame", role: "img" });
    stage.append(canvas);
    const values = unpack(found.values);
    const size = found.channels * found.length;
    return (which, step) => {
      const at = (which * found.steps + step) * size;
      drawCurves(canvas, values.subarray(at, at + size), found, limits(values, found));
    };
  },

  values(found, stage) {
    const rows = found.names.map((name) => {
      const bar = element("span", { class: "bar" }, element("i"));
      const cell = element("td");
      return { bar: bar.firstChild, cell, line: element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, bar), cell) };
    });
    stage.append(element("table", { class: "moving" }, element("tbody", {}, ...rows.map((row) => row.line))));
    return (which, step) => {
      rows.forEach((row, j) => {
        const [share, words] = found.cells[which][step][j];
        row.cell.textContent = words;
        row.bar.style.width = `${100 * share}%`;
      });
    };
  },
};

function startSlider(figure, data) {
  const stage = figure.querySelector(".stage");
  const range = figure.querySelector("input");
  const choice = figure.querySelector("select");
  const output = figure.querySelector("output");
  const draw = FRAMES[data.frames.kind](data.frames, stage);
  const canvas = stage.querySelector("canvas");
  data.names.forEach((name, i) => choice.append(new Option(name, i)));
  range.max = data.steps.length - 1;
  range.value = Math.floor(data.steps.length / 2);
  const show = () => {
    const words = data.steps[range.value];
    output.textContent = words;
    range.setAttribute("aria-valuetext", words);
    if (canvas) canvas.setAttribute("aria-label", `${data.names[choice.value]} moved by ${words}`);
    draw(Number(choice.value), Number(range.value));
  };
  range.addEventListener("input", show);
  choice.addEventListener("change", show);
  window.addEventListener("resize", show);
  onTheme(show);
  show();
}
