// Mouse, touch and keys: moves the view, points, selects, walks.

const FACTOR = 1.4;
const SLACK = 5; // pixels that a click may move
const REACH = 12; // pixels around a neuron in which it is meant
const EDGE_REACH = 5;
const MAX_POINTED = 20_000; // edges that are searched for the one under the pointer

export class Input {
  constructor(view) {
    this.view = view;
    this.pointers = new Map();
    const canvas = view.overlay.canvas;
    canvas.addEventListener("wheel", (event) => this.onWheel(event), { passive: false });
    canvas.addEventListener("pointerdown", (event) => this.onPress(event));
    canvas.addEventListener("pointermove", (event) => this.onMove(event));
    canvas.addEventListener("pointerleave", () => view.hover(null));
    canvas.addEventListener("pointerup", (event) => this.onRelease(event));
    canvas.addEventListener("pointercancel", (event) => this.drop(event));
    canvas.addEventListener("dblclick", (event) => this.onDouble(event));
    canvas.addEventListener("keydown", (event) => this.onKey(event));
  }

  at(event) {
    const box = this.view.overlay.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  onWheel(event) {
    const { view } = this;
    const lines = event.deltaMode === 1 ? 16 : 1;
    const factor = Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.002));
    if (factor < 1 && view.camera.zoom <= view.fitZoom() * 1.001 && !event.ctrlKey) return; // the page scrolls
    event.preventDefault();
    view.zoomBy(factor, this.at(event));
  }

  onPress(event) {
    if (event.button !== 0) return;
    const { view } = this;
    const [x, y] = this.at(event);
    this.isOnMap = view.jumpOnMap(x, y);
    view.overlay.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, [x, y]);
    this.pressed = this.pointers.size === 1 ? [x, y] : null;
  }

  onMove(event) {
    const { view } = this;
    const here = this.at(event);
    if (!this.pointers.has(event.pointerId)) {
      if (event.pointerType !== "touch") view.hover(this.meant(...here), here);
      return;
    }
    if (this.isOnMap) return void view.jumpOnMap(...here);
    const before = this.grip();
    this.pointers.set(event.pointerId, here);
    const after = this.grip();
    if (this.pressed && Math.hypot(here[0] - this.pressed[0], here[1] - this.pressed[1]) > SLACK) this.pressed = null;
    if (this.pressed) return;
    view.overlay.canvas.classList.add("dragged");
    view.hover(null);
    view.moveBy(after.x - before.x, after.y - before.y);
    if (before.span && after.span) view.zoomBy(after.span / before.span, [after.x, after.y]);
  }

  onRelease(event) {
    const { view } = this;
    const wasClick = this.pressed && !this.isOnMap && this.pointers.has(event.pointerId);
    this.drop(event);
    if (!wasClick) return;
    const meant = this.meant(...this.at(event));
    view.select(meant?.edge ? null : meant);
    view.overlay.canvas.focus({ preventScroll: true });
  }

  drop(event) {
    this.pointers.delete(event.pointerId);
    this.pressed = null;
    this.isOnMap = false;
    this.view.overlay.canvas.classList.remove("dragged");
  }

  onDouble(event) {
    const meant = this.meant(...this.at(event));
    if (meant && meant.item === null && !meant.edge) this.view.toggle(meant.unit);
    if (!meant) this.view.fit();
  }

  // The middle of all pressed pointers, and how far two of them are apart.
  grip() {
    const all = [...this.pointers.values()];
    const mean = (axis) => all.reduce((sum, place) => sum + place[axis], 0) / all.length;
    const [a, b] = all;
    return { x: mean(0), y: mean(1), span: b ? Math.hypot(a[0] - b[0], a[1] - b[1]) : 0 };
  }

  // The neuron, the layer or the edge at a place of the view.
  meant(x, y) {
    const { view } = this;
    if (!view.model) return null;
    const [wx, wy] = view.toWorld(x, y);
    const unit = view.model.unitAt(wx, wy);
    if (unit !== null && view.open.has(unit)) {
      const own = view.model.units[unit];
      const reach = Math.max(own.pitch * 0.6, Math.min(REACH / view.camera.zoom, own.pitch * 2));
      const item = view.model.itemAt(unit, wx, wy, view.places, reach);
      if (item !== null) return { unit, item };
    }
    if (unit !== null && !view.open.has(unit)) return { unit, item: null };
    const edge = this.edgeAt(x, y);
    if (edge) return { unit: null, item: null, edge };
    return unit === null ? null : { unit, item: null };
  }

  // The drawn edge nearest to a place, if it is near; those of a selected neuron alone where one is selected.
  edgeAt(x, y) {
    const { view } = this;
    const chosen = view.selection?.item ?? null;
    let [best, least, left] = [null, EDGE_REACH, MAX_POINTED];
    const consider = (part, edge) => {
      const [source, target] = view.model.endsOf(part, edge);
      const points = [view.model.place(source, view.places), ...view.wayOf(part), view.model.place(target, view.places)];
      const distance = distanceTo(points.map((point) => view.toScreen(...point)), x, y);
      if (distance < least) [best, least] = [{ part, edge, value: view.model.weightOf(edge) }, distance];
    };
    if (chosen !== null) {
      const { in: into, out } = view.neighboursOf(chosen);
      for (const { part, edge } of [...into, ...out]) consider(part, edge);
      return best;
    }
    for (const { part, count } of view.plan()) {
      for (let i = 0; i < count && left > 0; i++, left--) consider(part, part.first + i);
    }
    return best;
  }

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { view } = this;
    const acts = {
      "+": () => view.zoomBy(FACTOR),
      "=": () => view.zoomBy(FACTOR),
      "-": () => view.zoomBy(1 / FACTOR),
      f: () => view.fit(),
      p: () => view.present(),
      "/": () => view.find(".search input").focus(),
      Enter: () => view.enter(),
      Escape: () => (view.isPresenting ? view.present() : view.select(null)),
      ArrowLeft: () => this.walk("left"),
      ArrowRight: () => this.walk("right"),
      ArrowUp: () => this.walk("up"),
      ArrowDown: () => this.walk("down"),
    };
    if (!(event.key in acts)) return;
    event.preventDefault();
    event.stopPropagation();
    acts[event.key]();
  }

  walk(direction) {
    const { view } = this;
    if (!view.model) return;
    if (view.selection) view.walk(direction);
    else view.selectFirst();
  }
}

// How far a place is from a line through points.
function distanceTo(points, x, y) {
  let least = Infinity;
  for (let i = 1; i < points.length; i++) {
    const [[ax, ay], [bx, by]] = [points[i - 1], points[i]];
    const [dx, dy] = [bx - ax, by - ay];
    const along = Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy || 1)));
    least = Math.min(least, Math.hypot(ax + along * dx - x, ay + along * dy - y));
  }
  return least;
}
