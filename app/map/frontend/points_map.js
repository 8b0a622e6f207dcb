// A map of points to move, zoom, circle, click and walk over; Python is told what was circled, clicked and hidden.

const ZOOM_FOR_A_POINT = 20; // the largest zoom, times the square root of the number of points
const BUTTON_ZOOM = 1.5;
const MARGIN = 28; // px round all points
const CLICK_PX = 5; // what moves less is a click
const REACH_PX = 9; // beyond the rim of a point, where the pointer still means it
const LEAST_TILE_PX = 34; // of a picture as a point, which grows the fewer points are in sight
const MOST_TILE_PX = 80;
const ROOM = 8; // places of a picture's size for each point in sight
const MOST_IN_SIGHT = 800; // points, beyond which none is a picture
const LEAST_SHARE = 0.15; // of the points in sight that have room as pictures
const LASSO_STEP_PX = 3;
const MAX_CORNERS = 400;
const DIRECTIONS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

const instances = new WeakMap();
const memories = (globalThis.ngcoreMapViews ??= new Map()); // views by the name of the map; they outlive a visit elsewhere

export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  if (!instances.has(parentElement)) instances.set(parentElement, new PointsMap(parentElement.firstElementChild));
  const map = instances.get(parentElement);
  map.send = { state: setStateValue, trigger: setTriggerValue };
  map.update(data);
  return () => {
    instances.delete(parentElement);
    map.destroy();
  };
}

// The pictures of networks side by side in one image.
class Sheet {
  constructor({ address, rows, width, height, columns }, onLoad) {
    Object.assign(this, { rows: numbersOf(rows, Int32Array), width, height, columns });
    this.image = new Image();
    this.image.addEventListener("load", onLoad);
    this.image.src = address;
  }

  placeOf(row) {
    const at = this.rows[row];
    return at >= 0 && this.image.complete ? { at, width: this.width, height: this.height } : null;
  }

  paint(context, row, x, y, width, height) {
    const at = this.rows[row];
    const [left, top] = [(at % this.columns) * this.width, Math.floor(at / this.columns) * this.height];
    context.imageSmoothingEnabled = false;
    context.drawImage(this.image, left, top, this.width, this.height, x, y, width, height);
  }
}

class PointsMap {
  constructor(root) {
    this.root = root;
    this.stage = root.querySelector(".stage");
    this.canvas = root.querySelector(".marks");
    this.context = this.canvas.getContext("2d");
    this.points = new PointsGl(root.querySelector(".dots"));
    root.querySelector(".failure").hidden = Boolean(this.points.gl);
    this.card = new Card(root.querySelector(".card"), root.querySelector(".live"));
    this.legend = new Legend(root.querySelector(".legend"), (state, isDone) => this.onLegend(state, isDone));
    this.pointers = new Map();
    [this.hovered, this.focused, this.drawn] = [-1, -1, null];
    this.tile = LEAST_TILE_PX;
    this.listening = new AbortController();
    this.resizing = new ResizeObserver(() => {
      this.sizeStage();
      this.invalidate();
    });
    this.resizing.observe(root);
    listenTo(this);
  }

  destroy() {
    this.listening.abort();
    this.resizing.disconnect();
    cancelAnimationFrame(this.frame);
    this.points.destroy();
  }

  update(data) {
    const isOther = data.name !== this.data?.name;
    const isMoved = data.points.fingerprint !== this.fingerprint;
    const facts = data.facts.map((fact) => ({ ...fact, values: numbersOf(fact.values, KINDS[fact.kind]) }));
    const picture = data.pictures?.fingerprint;
    if (picture !== this.pictured) this.sheet = data.pictures && new Sheet(data.pictures, () => this.invalidate());
    this.pictured = picture;
    this.data = { ...data, facts };
    if (isMoved) this.place(data.points);
    if (isOther || isMoved) this.recall();
    this.codes = numbersOf(data.colours.codes, Uint8Array);
    this.dimmed = data.dimmed ? numbersOf(data.dimmed, Uint8Array) : null;
    this.lasso = data.lasso.map((corner) => this.toUnit(corner));
    this.paths = numbersOf(data.paths, Int32Array);
    this.legend.update(data.colours);
    this.shade();
    this.sizeStage();
    this.canvas.setAttribute("aria-label", data.label);
    this.root.querySelector("[data-do=clear]").hidden = !data.canClear;
    if (this.sought !== data.sought) this.root.querySelector("input[type=search]").value = data.sought;
    this.sought = data.sought;
    this.card.row = -1;
    if (data.selected !== null && data.selected !== this.seen && !isOther) this.bringIntoView(data.selected);
    this.seen = data.selected;
    this.invalidate();
  }

  // As high as Python asks for, and less on low or narrow screens.
  sizeStage() {
    if (!this.data) return;
    const most = Math.max(280, Math.min(0.8 * globalThis.innerHeight, 1.15 * this.root.clientWidth));
    const isFull = document.fullscreenElement === this.root;
    this.stage.style.height = isFull ? "" : `${Math.min(this.data.height, most)}px`;
  }

  // Points -----------------------------------------------------------------------------------------------------------

  place({ fingerprint, values }) {
    this.fingerprint = fingerprint;
    const raw = numbersOf(values, Float32Array);
    const [low, high] = [[Infinity, Infinity], [-Infinity, -Infinity]];
    raw.forEach((value, i) => {
      low[i % 2] = Math.min(low[i % 2], value);
      high[i % 2] = Math.max(high[i % 2], value);
    });
    this.middle = raw.length ? low.map((value, axis) => (value + high[axis]) / 2) : [0, 0];
    const halves = raw.length ? low.map((value, axis) => (high[axis] - value) / 2) : [1, 1];
    this.half = Math.max(...halves) || 1;
    this.extent = halves.map((value) => Math.max(value / this.half, 1e-3));
    this.places = raw.map((value, i) => (value - this.middle[i % 2]) / this.half);
    this.index = new PointIndex(this.places);
    this.points.setPlaces(this.places);
    [this.hovered, this.focused] = [-1, -1];
    this.card.hide();
  }

  toUnit(point) {
    return point.map((value, axis) => (value - this.middle[axis]) / this.half);
  }

  fromUnit(point) {
    return point.map((value, axis) => value * this.half + this.middle[axis]);
  }

  // Which points stand back: those that are not selected, and those that the key hides.
  shade() {
    const { hidden, range } = this.legend;
    const isRamp = !this.data.colours.categories;
    this.looks = new Uint8Array(2 * this.codes.length);
    this.codes.forEach((code, i) => {
      const isHidden = isRamp ? code !== NO_COLOUR && (code < range[0] || code > range[1]) : hidden.has(code);
      this.looks[2 * i] = code;
      this.looks[2 * i + 1] = isHidden || this.dimmed?.[i] ? 1 : 0;
    });
    this.points.setLooks(this.looks, this.data.colours.palette);
  }

  standsOut(i) {
    return !this.looks[2 * i + 1];
  }

  onLegend(state, isDone) {
    this.shade();
    this.invalidate();
    if (isDone) this.send.state("legend", state);
  }

  // View -------------------------------------------------------------------------------------------------------------

  recall() {
    const memory = memories.get(this.data.name);
    Object.assign(this, memory ?? { centre: [0, 0], zoom: 1 });
    this.setTool(memory?.tool ?? "move");
  }

  remember() {
    this.canvas.dataset.zoom = this.zoom.toFixed(2);
    memories.set(this.data.name, { centre: this.centre, zoom: this.zoom, tool: this.tool });
  }

  setTool(tool) {
    this.tool = tool;
    this.root.querySelectorAll("[data-tool]").forEach((button) => {
      button.setAttribute("aria-pressed", String(button.dataset.tool === tool));
    });
    this.canvas.classList.toggle("selects", tool !== "move");
  }

  // Pixels of the screen for a unit of the map.
  get scale() {
    const sides = [this.stage.clientWidth, this.stage.clientHeight];
    return this.zoom * Math.min(...sides.map((side, axis) => Math.max(side / 2 - MARGIN, 20) / this.extent[axis]));
  }

  toScreen([x, y]) {
    const scale = this.scale;
    return [
      this.stage.clientWidth / 2 + (x - this.centre[0]) * scale,
      this.stage.clientHeight / 2 - (y - this.centre[1]) * scale,
    ];
  }

  toMap([x, y]) {
    const scale = this.scale;
    return [
      this.centre[0] + (x - this.stage.clientWidth / 2) / scale,
      this.centre[1] - (y - this.stage.clientHeight / 2) / scale,
    ];
  }

  placeOf(row) {
    return [this.places[2 * row], this.places[2 * row + 1]];
  }

  // Zoom so that what is at a place of the screen stays there.
  zoomBy(factor, at = [this.stage.clientWidth / 2, this.stage.clientHeight / 2]) {
    const before = this.toMap(at);
    const most = Math.max(100, ZOOM_FOR_A_POINT * Math.sqrt(this.index.count));
    this.zoom = Math.min(most, Math.max(1, this.zoom * factor));
    const after = this.toMap(at);
    this.moveTo(this.centre.map((value, axis) => value + before[axis] - after[axis]));
  }

  moveTo(centre) {
    this.centre = centre.map((value, axis) => Math.min(this.extent[axis], Math.max(-this.extent[axis], value)));
    if (this.zoom === 1) this.centre = [0, 0];
    this.remember();
    this.invalidate();
  }

  fit() {
    this.zoom = 1;
    this.moveTo([0, 0]);
  }

  // Move the map where a point is not in sight.
  bringIntoView(row) {
    const [x, y] = this.toScreen(this.placeOf(row));
    const isInside = x > 20 && y > 20 && x < this.stage.clientWidth - 20 && y < this.stage.clientHeight - 20;
    if (!isInside) this.moveTo(this.placeOf(row));
  }

  // The point at a place of the screen, those that stand out first; -1 for none.
  at(place) {
    const [x, y] = this.toMap(place);
    const reach = (this.size / 2 + REACH_PX) / this.scale;
    return this.index.nearest(x, y, this.tiles ? (0.5 * this.tile) / this.scale : reach, (i) => this.standsOut(i));
  }

  // Pixels across a point: smaller where there are more, larger where one zooms in.
  get size() {
    const still = Math.min(11, Math.max(2.5, 260 / Math.sqrt(Math.max(1, this.index.count))));
    return Math.min(14, still * this.zoom ** 0.3);
  }

  // Drawing ----------------------------------------------------------------------------------------------------------

  // Draw again at the next frame; the points only where they changed or moved, as there may be very many.
  invalidate({ points = true } = {}) {
    this.isStale ||= points;
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.data && this.draw());
  }

  draw() {
    const [width, height] = [this.stage.clientWidth, this.stage.clientHeight];
    if (!width || !height) return;
    const density = Math.min(2, globalThis.devicePixelRatio || 1);
    for (const canvas of [this.points.canvas, this.canvas]) {
      const size = [Math.round(width * density), Math.round(height * density)];
      if (canvas.width === size[0] && canvas.height === size[1]) continue;
      [canvas.width, canvas.height] = size;
      this.isStale = true;
    }
    if (this.isStale) this.drawPoints(width, height, density);
    this.isStale = false;
    this.context.setTransform(density, 0, 0, density, 0, 0);
    this.context.clearRect(0, 0, width, height);
    paintOver(this);
  }

  drawPoints(width, height, density) {
    const scale = [(2 * this.scale) / width, (2 * this.scale) / height];
    this.points.draw({
      scale,
      shift: this.centre.map((value, axis) => -value * scale[axis]),
      size: this.size * density,
      opacity: this.index.count > 20000 ? 0.6 : 0.85,
      grey: this.data.theme.muted,
    });
  }

  // The points in sight that are drawn as pictures, none over another; null where too few of them have room.
  picturedPoints() {
    if (!this.sheet?.image.complete) return null;
    const [width, height] = [this.stage.clientWidth, this.stage.clientHeight];
    const [left, top] = this.toMap([-LEAST_TILE_PX, height + LEAST_TILE_PX]);
    const [right, bottom] = this.toMap([width + LEAST_TILE_PX, -LEAST_TILE_PX]);
    const inSight = this.index.within([left, top, right, bottom], MOST_IN_SIGHT);
    if (!inSight) return null;
    const taken = new Map();
    const room = Math.sqrt((width * height) / (ROOM * Math.max(1, inSight.length)));
    this.tile = Math.round(Math.min(MOST_TILE_PX, Math.max(LEAST_TILE_PX, room)));
    const step = this.tile + 4;
    const chosen = inSight.sort((i, j) => i - j).filter((row) => {
      const [x, y] = this.toScreen(this.placeOf(row));
      const [column, line] = [Math.floor(x / step), Math.floor(y / step)];
      for (let c = column - 1; c <= column + 1; c++) {
        for (let l = line - 1; l <= line + 1; l++) {
          const other = taken.get(`${c},${l}`);
          if (other && Math.abs(other[0] - x) < step && Math.abs(other[1] - y) < step) return false;
        }
      }
      taken.set(`${column},${line}`, [x, y]);
      return this.sheet.rows[row] >= 0;
    });
    return chosen.length >= LEAST_SHARE * inSight.length ? chosen : null;
  }

  // Answers to the reader ----------------------------------------------------------------------------------------------

  hover(row) {
    if (row === this.hovered) return;
    this.hovered = row;
    this.canvas.classList.toggle("over", row >= 0);
    if (row < 0 && this.focused < 0) this.card.hide();
    this.invalidate({ points: false });
  }

  choose(row) {
    if (row >= 0) this.send.trigger("clicked", { chart: this.data.chart, row });
  }

  // What a click means: a network that was placed on the map, which lies on top, or the nearest point.
  chooseAt(place) {
    const placed = this.data.marks.filter(({ kind }) => kind === "placed");
    for (const { points, keys } of placed) {
      const hit = points.findIndex((point, i) => {
        const [x, y] = this.toScreen(this.toUnit(point));
        return keys[i] && Math.hypot(x - place[0], y - place[1]) < REACH_PX + 3;
      });
      if (hit >= 0) return this.send.trigger("clicked", { chart: this.data.chart, placed: keys[hit] });
    }
    return this.choose(this.at(place));
  }

  sendLasso(corners) {
    const step = Math.max(1, Math.ceil(corners.length / MAX_CORNERS));
    this.lasso = corners.filter((_, i) => i % step === 0);
    this.invalidate({ points: false });
    this.send.state("lasso", { chart: this.data.chart, polygon: this.lasso.map((corner) => this.fromUnit(corner)) });
  }

  walk(direction) {
    const from = this.focused >= 0 ? this.focused : this.data.selected ?? this.middleOne();
    const isFirst = this.focused < 0;
    const row = isFirst ? from : this.index.next(from, direction);
    if (row < 0) return;
    this.focused = row;
    this.bringIntoView(row);
    this.card.row = -1;
    this.isSaid = true;
    this.invalidate({ points: false });
  }

  middleOne() {
    return this.index.nearest(...this.toMap([this.stage.clientWidth / 2, this.stage.clientHeight / 2]), 4);
  }

  seek(text) {
    this.send.trigger("sought", { chart: this.data.chart, text });
  }

  leave() {
    this.focused = -1;
    this.card.hide();
    this.invalidate({ points: false });
  }
}

const KINDS = { category: Uint16Array, number: Float32Array };

function numbersOf(text, Kind) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Kind(bytes.buffer);
}
