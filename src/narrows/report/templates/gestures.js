// Mouse, fingers and keys on a map.

function followPointers(canvas, { nearest, choose, enlarge, move, restart }) {
  const down = new Map(); // pointers that touch, where they are
  let moved = 0; // pixels since they came down
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const spread = () => {
    const [[ax, ay], [bx, by]] = down.values();
    return { apart: Math.hypot(ax - bx, ay - by), x: (ax + bx) / 2, y: (ay + by) / 2 };
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (!down.size) moved = 0;
    down.set(event.pointerId, at(event));
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    const [x, y] = at(event);
    if (!down.has(event.pointerId)) {
      choose(nearest(x, y, NEAR));
      return;
    }
    const [fromX, fromY] = down.get(event.pointerId);
    const before = down.size === 2 ? spread() : null;
    down.set(event.pointerId, [x, y]);
    moved += Math.hypot(x - fromX, y - fromY);
    if (before) {
      const now = spread();
      enlarge(now.apart / (before.apart || 1), now.x, now.y);
      move(now.x - before.x, now.y - before.y);
    } else {
      move(x - fromX, y - fromY);
    }
  });
  const lift = (event) => {
    if (!down.delete(event.pointerId) || event.type !== "pointerup" || down.size || moved > 6) return;
    choose(nearest(...at(event), event.pointerType === "touch" ? 2 * NEAR : NEAR));
  };
  canvas.addEventListener("pointerup", lift);
  canvas.addEventListener("pointercancel", lift);
  canvas.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && choose(-1));
  canvas.addEventListener("dblclick", (event) => enlarge(2, ...at(event)));
  canvas.addEventListener(
    "wheel",
    (event) => {
      // The page scrolls over a map that nobody has turned to.
      if (!event.ctrlKey && document.activeElement !== canvas) return;
      event.preventDefault();
      enlarge(Math.exp(-0.0022 * event.deltaY * (event.ctrlKey ? 4 : 1)), ...at(event));
    },
    { passive: false },
  );
}

function followKeys(canvas, { step, enlarge, restart, leave }) {
  const acts = {
    ArrowLeft: () => step(-1, 0),
    ArrowRight: () => step(1, 0),
    ArrowUp: () => step(0, -1),
    ArrowDown: () => step(0, 1),
    "+": () => enlarge(1.6),
    "=": () => enlarge(1.6),
    "-": () => enlarge(1 / 1.6),
    0: restart,
    Escape: leave,
  };
  canvas.addEventListener("keydown", (event) => {
    if (!(event.key in acts) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    acts[event.key]();
  });
}
