// One viewer: what it shows, from where, what is selected; draws when something changes, finely once it rests.

import { fetchArrays } from "./arrays.js";
import { Camera, mapPlaceOf } from "./camera.js";
import { fillCard } from "./card.js";
import { divergingOf, inWords, rgbOf } from "./colour.js";
import { Controls } from "./controls.js";
import { shapesOf } from "./files.js";
import { Input } from "./input.js";
import { Model } from "./model.js";
import { hintOf, Overlay } from "./overlay.js";
import { countOf, Painter, thinned } from "./painter.js";

const REST_MS = 140;
const PROGRESS_FROM = 60_000; // edges from which a picture says how far it is
const FIRST_EDGES = 2_000;
const FLIGHT_MS = 1_600;
const STEP_MS = 800; // of the forward pass
const PICTURE_PIXELS = 12; // of a neuron from which it shows what it computes
const MAX_WIDTH = 1.8; // pixels of a mean edge where there are few
const MAX_FLAT = 2_500; // edges that are drawn without WebGL
const REMEMBERED = ["k", "least", "isByLayer", "colour", "isFull"];

const kept = (globalThis.ngcoreGraphViews ??= new Map()); // by network; outlives the element when a page is left

export class View {
  constructor(root) {
    this.root = root;
    this.find = (selector) => root.querySelector(selector);
    this.canvas = this.find(".edges");
    this.painter = new Painter(this.canvas);
    this.overlay = new Overlay(this.find(".overlay"));
    this.camera = new Camera();
    Object.assign(this, { open: new Set(), selection: null, hovered: null, model: null, activations: null, sent: 0 });
    Object.assign(this, { k: null, least: 0, isByLayer: true, colour: "bias", isFull: false, edgeWidth: 1.6 });
    Object.assign(this, { typeScale: 1, isPresenting: false, revealed: Infinity, addresses: {}, ratio: 1, isMoving: false });
    this.controls = new Controls(this);
    this.input = new Input(this);
    this.aborts = new AbortController();
    this.arrivals = Promise.resolve();
    this.resizes = new ResizeObserver(() => this.arrange());
    this.resizes.observe(this.find(".stage"));
    this.canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    this.canvas.addEventListener("webglcontextrestored", () => this.restore());
    root.ngcoreGraph = this; // for tests and scripts
  }

  // What Python sends --------------------------------------------------------------------------------------------------

  async update(data) {
    this.data = data;
    this.fileName = data.fileName;
    this.font = getComputedStyle(this.root).fontFamily;
    this.setColours(data.colours);
    this.find(".stage").style.height = data.height ? `${data.height}px` : "";
    this.find(".problem").hidden = true;
    this.arrivals = this.arrivals.then(() => this.receive(data)); // one after the other, however fast reruns follow
    await this.arrivals;
    if (!this.model || this.isGone) return;
    if (!this.hasEcho) this.sent = data.echo;
    this.hasEcho = true;
    if (data.echo === this.sent) this.adopt(data.selected); // else an answer to what was selected before
    this.controls.show();
    this.invalidate();
  }

  async receive(data) {
    if (this.isGone || data !== this.data) return;
    try {
      await this.take("scene", data.scene, (found) => this.takeScene(found, data));
      await this.take("edges", data.edges, (found) => this.takeEdges(found));
      await this.take("activations", data.activations, (found) => this.takeActivations(found));
      await this.take("flight", data.flight, (found) => this.fly(found.arrays.target));
    } catch (error) {
      if (error.name === "AbortError" || this.isGone) return;
      this.addresses = {};
      this.problem(`The drawing did not arrive: ${error.message} Reload the page.`);
    }
  }

  async take(name, address, use) {
    if (this.addresses[name] === address) return;
    this.addresses[name] = address;
    if (!address) {
      if (name === "activations") this.activations = null;
      return;
    }
    const found = await fetchArrays(address, this.aborts.signal);
    if (this.addresses[name] === address && !this.isGone) use(found);
  }

  takeScene(found, data) {
    this.remember();
    [this.key, this.shape] = [data.key, data.shape];
    this.model = new Model(found);
    this.places = Float32Array.from(found.arrays.places);
    this.activations = null;
    Object.assign(this.addresses, { edges: null, activations: null, flight: null });
    const old = kept.get(this.key) ?? kept.get(this.shape);
    this.open = new Set(old?.open ?? (this.model.opens ? this.model.units.map((_, i) => i) : []));
    this.selection = kept.get(this.key)?.selection ?? null;
    this.linkOf = new Map(this.model.links.map((link) => [`${link.source}-${link.target}`, link]));
    for (const name of REMEMBERED) if (old) this[name] = old[name];
    this.k = old?.k ?? null;
    this.hovered = this.neighbourhood = null;
    this.overlay.forget();
    this.arrange();
    this.hasLookedAround = Boolean(old);
    if (old) Object.assign(this.camera, old.camera);
    else this.camera.enter(this.model, this.width0, this.height0);
    this.painter.fill("places", this.places);
    this.colourNodes();
  }

  takeEdges(found) {
    this.model.takeEdges(found);
    this.painter.fill("edges", this.model.edges);
    this.neighbourhood = null;
    if (this.isFull && this.data.isFull && this.wantsAll) this.k = this.model.held;
    this.wantsAll = false;
    fillCard(this.find(".card"), this);
  }

  takeActivations({ facts, arrays }) {
    this.activations = { tile: facts.tile, ...arrays };
    if (arrays.tiles.length) this.painter.fillTiles(arrays.tiles, facts.tile);
    this.colourNodes();
    if (this.isWaitingToPlay) this.play();
    fillCard(this.find(".card"), this);
  }

  setColours(colours) {
    const before = JSON.stringify(this.given);
    this.given = colours;
    if (before === JSON.stringify(colours)) return;
    const named = Object.entries(colours).filter(([name]) => name !== "categories");
    this.colours = Object.fromEntries(named.map(([name, hex]) => [name, rgbOf(hex)]));
    this.colours.categories = colours.categories.map(rgbOf);
    this.colours.faint = this.colours.text.map((value, i) => 0.75 * value + 0.25 * this.colours.background[i]);
    this.overlay.forget();
  }

  restore() {
    this.painter.prepare();
    if (!this.model || this.isGone) return;
    this.painter.fill("places", this.places);
    this.painter.fill("edges", this.model.edges);
    if (this.activations?.tiles.length) this.painter.fillTiles(this.activations.tiles, this.activations.tile);
    this.colourNodes();
    this.invalidate();
  }

  // What is remembered of a network while another, or another page, is looked at.
  remember() {
    if (!this.key || !this.model) return;
    const own = Object.fromEntries(REMEMBERED.map((name) => [name, this[name]]));
    for (const key of [this.key, this.shape]) kept.set(key, { ...own, camera: this.camera.state, open: [...this.open], selection: this.selection });
  }

  destroy() {
    this.remember();
    this.isGone = true;
    this.aborts.abort();
    this.resizes.disconnect();
    cancelAnimationFrame(this.frame);
    clearTimeout(this.rest);
    clearInterval(this.player);
    this.painter.gl?.getExtension("WEBGL_lose_context")?.loseContext();
  }

  // Places ---------------------------------------------------------------------------------------------------------------

  arrange() {
    const stage = this.find(".stage");
    [this.width0, this.height0] = [Math.max(stage.clientWidth, 1), Math.max(stage.clientHeight, 1)];
    this.ratio = Math.min(globalThis.devicePixelRatio || 1, 2);
    for (const canvas of [this.canvas, this.overlay.canvas]) {
      canvas.width = Math.round(this.width0 * this.ratio);
      canvas.height = Math.round(this.height0 * this.ratio);
    }
    if (this.model && !this.hasLookedAround) this.camera.enter(this.model, this.width0, this.height0);
    this.invalidate();
  }

  toScreen(x, y) {
    return [(x - this.camera.x) * this.camera.zoom + this.width0 / 2, (y - this.camera.y) * this.camera.zoom + this.height0 / 2];
  }

  toWorld(x, y) {
    return [(x - this.width0 / 2) / this.camera.zoom + this.camera.x, (y - this.height0 / 2) / this.camera.zoom + this.camera.y];
  }

  fitZoom() {
    return Camera.fitting(this.model.bounds, this.width0, this.height0);
  }

  fit() {
    if (!this.model) return;
    this.camera.fit(this.model.bounds, this.width0, this.height0);
    this.moved();
  }

  zoomBy(factor, at = [this.width0 / 2, this.height0 / 2]) {
    if (!this.model) return;
    this.camera.zoomBy(factor, at, this.width0, this.height0, this.fitZoom());
    this.moved();
  }

  moveBy(dx, dy) {
    this.camera.x -= dx / this.camera.zoom;
    this.camera.y -= dy / this.camera.zoom;
    this.moved();
  }

  get hasMap() {
    const [left, , right] = this.model.bounds;
    return (right - left) * this.camera.zoom > 1.5 * this.width0 && this.model.units.length > 12;
  }

  mapPlace() {
    return mapPlaceOf(this.model.bounds, this.width0, this.height0);
  }

  // Look at the place of the small map that was pressed; false where that is not it.
  jumpOnMap(x, y) {
    if (!this.model || !this.hasMap) return false;
    const { left, top, width, height, scale, bounds } = this.mapPlace();
    if (!this.input.isOnMap && (y < top - 6 || y > top + height + 6 || x < left - 6 || x > left + width + 6)) return false;
    this.camera.x = bounds[0] + (x - left) / scale;
    this.moved();
    return true;
  }

  frameOf(unit) {
    return this.model.frames.some(({ box: [left, top, right, bottom] }) => {
      const [x, y] = unit.box;
      return left < x && x < right && top < y && y < bottom;
    });
  }

  wayOf(part) {
    return this.linkOf.get(`${part.block.source}-${part.block.target}`)?.way ?? [];
  }

  segmentsOf(part) {
    const way = this.wayOf(part);
    const ends = [null, ...way, null];
    return ends.slice(1).map((end, i) => [ends[i], end]);
  }

  radiusOf(unit) {
    const hasTiles = this.activations?.tiles.length && this.colour === "activation";
    return unit.pitch * (unit.side ? 0.47 : hasTiles ? 0.44 : 0.36);
  }

  hasEdges(link) {
    return this.model.parts.some(({ block, held }) => held && block.source === link.source && block.target === link.target);
  }

  // Drawing --------------------------------------------------------------------------------------------------------------

  // Edges of each layer: as chosen, or as many as make a clear picture of the layers that are open.
  get edgesPerLayer() {
    if (this.k !== null) return this.k;
    const layers = this.model.plan(1, 0, this.open).filter(({ part }) => part.isWeight).length;
    return Math.min(Math.max(Math.ceil(FIRST_EDGES / Math.max(layers, 1)), 12), Math.max(this.model.held, 1));
  }

  plan() {
    return this.model.plan(this.edgesPerLayer, this.least, this.open);
  }

  invalidate() {
    this.job = null;
    this.frame ||= requestAnimationFrame(() => this.draw());
  }

  // Draw again what lies above the edges alone.
  invalidateOverlay() {
    if (!this.painter.canDraw) return this.invalidate();
    this.frameOverlay ||= requestAnimationFrame(() => {
      this.frameOverlay = 0;
      if (this.model && !this.isGone) this.overlay.draw(this);
    });
  }

  // As `invalidate`, with fewer edges until the view has rested for a moment.
  moved() {
    this.isMoving = true;
    this.hasLookedAround = true;
    clearTimeout(this.rest);
    this.rest = setTimeout(() => {
      this.isMoving = false;
      this.remember();
      this.invalidate();
    }, REST_MS);
    this.invalidate();
  }

  draw() {
    this.frame = 0;
    if (this.isGone || !this.model || !this.colours) return;
    const began = performance.now();
    if (this.flight) this.flyOn();
    const plan = this.plan();
    this.edgeWidth = MAX_WIDTH * Math.min(1, Math.max(0.3, (250 / Math.max(countOf(plan), 1)) ** 0.4));
    this.drawn = { planned: countOf(plan), done: 0, isCancelled: false };
    if (this.painter.canDraw) {
      const isMoving = this.isMoving || Boolean(this.flight);
      const now = isMoving ? thinned(plan, this.painter.affordable(plan)) : plan;
      this.painter.begin(this, now, isMoving);
      this.drawn.done = this.painter.paintEdges(this, now, 0, isMoving);
      this.painter.finish(this);
      if (!isMoving && this.drawn.done < this.drawn.planned) this.job = { plan: now, done: this.drawn.done };
    }
    this.overlay.draw(this);
    if (!this.painter.canDraw) this.drawFlat(plan);
    this.controls.showCounts();
    this.continue();
    this.frameMs = performance.now() - began;
    this.frames = (this.frames ?? 0) + 1;
    if (this.flight) this.invalidate();
  }

  // The rest of a large picture, slice by slice, until it is done, cancelled or out of date.
  continue() {
    const { job } = this;
    const progress = this.find(".progress");
    progress.hidden = !job || this.drawn.planned < PROGRESS_FROM;
    if (!job) return;
    progress.querySelector("progress").value = job.done / this.drawn.planned;
    progress.querySelector("span").textContent = `${inWords(job.done)} of ${inWords(this.drawn.planned)} edges`;
    requestAnimationFrame(() => {
      if (this.job !== job || this.isGone) return;
      job.done = this.painter.paintEdges(this, job.plan, job.done, false);
      this.drawn.done = job.done;
      if (job.done >= this.drawn.planned) this.job = null;
      this.controls.showCounts();
      this.continue();
    });
  }

  cancel() {
    this.job = null;
    this.drawn.isCancelled = true;
    this.find(".progress").hidden = true;
    this.controls.showCounts();
  }

  // Without WebGL 2: the strongest edges on the plain canvas.
  drawFlat(plan) {
    const { context } = this.overlay;
    const few = thinned(plan, MAX_FLAT);
    this.drawn.done = countOf(few);
    for (const shape of shapesOf(this, few)) {
      context.beginPath();
      if (shape.disc) {
        context.arc(...shape.disc, 0, 2 * Math.PI);
        context.fillStyle = shape.colour;
        context.fill();
        continue;
      }
      shape.points.forEach((point) => context.lineTo(...point));
      [context.strokeStyle, context.lineWidth, context.globalAlpha] = [shape.colour, shape.width, shape.alpha];
      context.stroke();
      context.globalAlpha = 1;
    }
  }

  // Neurons --------------------------------------------------------------------------------------------------------------

  // The numbers that colour neurons, and for every unit the one at which the colour is full.
  colourNodes() {
    const { arrays } = this.model;
    const numbers = { bias: arrays.bias, fan_in: arrays.fan_in, activation: this.activations?.values }[this.colour];
    this.numbers = numbers ?? null;
    this.limits = numbers ? this.model.nodeLimits(numbers, this.isByLayer) : this.model.units.map(() => 1);
    this.painter.fill("numbers", numbers ?? new Float32Array(this.model.numItems));
  }

  styleOf(number) {
    const unit = this.model.units[number];
    const radius = this.radiusOf(unit);
    const hasTiles = this.colour === "activation" && this.activations?.tiles.length > 0;
    const hasTile = hasTiles && this.activations.has_tile[unit.first] && radius * this.camera.zoom * 2 >= PICTURE_PIXELS;
    const isGrey = hasTile && unit.role === "output" && unit.names.length > 0 && unit.names[0] !== "0";
    return {
      radius,
      look: hasTile ? (isGrey && this.data.isPicture ? 3 : 2) : this.numbers ? 1 : 0,
      isSquare: Boolean(unit.side) || Boolean(hasTile),
      isHidden: this.colour === "activation" && (unit.depth > this.revealed || (!this.activations && !hasTile)),
      limit: this.limits[number],
      colour: this.colours.categories[number % this.colours.categories.length],
    };
  }

  colourOf(item, number) {
    if (!this.numbers) return this.colours.categories[number % this.colours.categories.length];
    return divergingOf(this.numbers[item], this.limits[number], this.colours);
  }

  // The forward pass, one column of layers after the other; asks for activations first.
  play() {
    if (this.colour !== "activation" || !this.activations) {
      this.isWaitingToPlay = true;
      this.setColour("activation");
      return;
    }
    this.isWaitingToPlay = false;
    clearInterval(this.player);
    const last = Math.max(...this.model.units.map((unit) => unit.depth));
    this.revealed = 0;
    this.player = setInterval(() => {
      this.revealed += 1;
      if (this.revealed > last) {
        this.revealed = Infinity;
        clearInterval(this.player);
      } else this.say(this.model.units.filter((unit) => unit.depth === this.revealed).map((unit) => unit.name).join(", "));
      this.invalidate();
    }, STEP_MS);
    this.invalidate();
  }

  // Let every neuron move to another's place, with all of its edges.
  fly(target) {
    const { places } = this.model.arrays;
    const end = new Float32Array(places.length);
    target.forEach((place, item) => end.set(places.subarray(2 * place, 2 * place + 2), 2 * item));
    this.flight = { start: Float32Array.from(this.places), end, began: performance.now() };
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) this.flight.began = -Infinity;
    this.invalidate();
  }

  flyOn() {
    const { start, end, began } = this.flight;
    const time = Math.min((performance.now() - began) / FLIGHT_MS, 1);
    const share = time * time * (3 - 2 * time);
    for (let i = 0; i < end.length; i++) this.places[i] = start[i] + (end[i] - start[i]) * share;
    this.painter.fill("places", this.places);
    if (time === 1) this.flight = null;
  }

  // Selection ------------------------------------------------------------------------------------------------------------

  neighboursOf(item) {
    if (this.neighbourhood?.item !== item) this.neighbourhood = { item, found: this.model.neighbours(item) };
    return this.neighbourhood.found;
  }

  // The selection of Python: another way to choose a neuron.
  adopt(node) {
    const item = node === null ? null : this.model.itemOf(node);
    if (item === (this.selection?.item ?? null)) return;
    this.select(item === null ? null : { unit: this.model.unitOfItem[item], item }, false);
    if (item !== null) this.bringIntoView(item);
  }

  select(meant, isOwn = true) {
    const before = this.selection?.item ?? null;
    this.selection = meant ? { unit: meant.unit, item: meant.item } : null;
    if (meant?.item !== null && meant !== null && !this.open.has(meant.unit)) this.toggle(meant.unit);
    const item = this.selection?.item ?? null;
    const [x] = item === null ? [0] : this.toScreen(...this.model.place(item, this.places));
    this.find(".card").classList.toggle("left", x > this.width0 / 2);
    fillCard(this.find(".card"), this);
    if (isOwn && item !== before) this.emit("selected", { key: this.key, node: item === null ? null : this.model.nodeOf(item), count: ++this.sent });
    if (this.selection) this.say(hintOf(this, this.selection).join(", "));
    this.remember();
    this.invalidateOverlay();
  }

  selectFirst() {
    const unit = this.model.units[0];
    this.select({ unit: 0, item: this.open.has(0) ? unit.first : null });
  }

  walkTo(item) {
    this.select({ unit: this.model.unitOfItem[item], item });
    this.bringIntoView(item);
  }

  // Up and down: the next neuron of the layer, or the next layer; left and right: along the strongest edge.
  walk(direction) {
    const { unit, item } = this.selection;
    const own = this.model.units[unit];
    const step = { up: -1, down: 1, left: -1, right: 1 }[direction];
    if (item === null) {
      const next = Math.min(Math.max(unit + step, 0), this.model.units.length - 1);
      return this.visit(next);
    }
    if (direction === "up" || direction === "down") {
      const next = Math.min(Math.max(item + step, own.first), own.first + own.items - 1);
      return this.walkTo(next);
    }
    const { in: into, out } = this.neighboursOf(item);
    const [edge] = direction === "left" ? into : out;
    if (edge) this.walkTo(edge.other);
  }

  visit(number) {
    this.select({ unit: number, item: null });
    this.centreOn(...this.model.units[number].box);
  }

  enter() {
    if (!this.selection) return this.selectFirst();
    this.toggle(this.selection.unit);
  }

  toggle(number) {
    if (this.open.has(number)) this.open.delete(number);
    else this.open.add(number);
    this.opened();
    this.say(`${this.model.units[number].name} ${this.open.has(number) ? "opened" : "closed"}`);
  }

  openAll(isOpen) {
    this.open = new Set(isOpen ? this.model.units.map((_, i) => i) : []);
    this.opened();
  }

  opened() {
    const { selection } = this;
    if (selection && selection.item !== null && !this.open.has(selection.unit)) this.select({ unit: selection.unit, item: null });
    this.remember();
    fillCard(this.find(".card"), this);
    if (!this.model.isWhole) this.wish();
    this.controls.show();
    this.invalidate();
  }

  bringIntoView(item) {
    const [x, y] = this.toScreen(...this.model.place(item, this.places));
    if (x > 30 && y > 40 && x < this.width0 - 30 && y < this.height0 - 30) return;
    this.centreOn(...this.model.place(item, this.places));
  }

  centreOn(x, y) {
    [this.camera.x, this.camera.y] = [x, y];
    this.moved();
  }

  hover(meant, at) {
    const before = this.hovered;
    this.hovered = meant;
    this.overlay.canvas.classList.toggle("pointed", Boolean(meant));
    const hint = this.find(".hint");
    hint.hidden = !meant;
    if (meant) {
      hint.replaceChildren(...hintOf(this, meant).map((line) => Object.assign(document.createElement("span"), { textContent: line })));
      hint.style.left = `${Math.min(at[0] + 14, this.width0 - Math.min(hint.offsetWidth, 300) - 4)}px`;
      hint.style.top = `${at[1] + 18 + hint.offsetHeight > this.height0 ? at[1] - hint.offsetHeight - 10 : at[1] + 18}px`;
    }
    const isSame = before?.item === meant?.item && before?.edge?.edge === meant?.edge?.edge;
    if (!isSame) this.invalidateOverlay();
  }

  // Wishes and words -----------------------------------------------------------------------------------------------------

  setColour(name) {
    this.colour = name;
    this.revealed = Infinity;
    this.colourNodes();
    this.wish();
    this.controls.show();
    this.invalidate();
  }

  setScale(isByLayer) {
    this.isByLayer = isByLayer;
    this.colourNodes();
    this.remember();
    this.controls.show();
    this.invalidate();
  }

  drawAll() {
    this.k = this.model.held;
    this.least = 0;
    if (!this.isFull && this.model.heldInAll < this.model.total.count) {
      this.isFull = this.wantsAll = true;
      this.wish();
    }
    this.controls.show();
    this.invalidate();
  }

  // Tell Python what it has to send: edges of open layers, of more edges, activations.
  wish() {
    this.remember();
    const open = this.model.isWhole ? [] : [...this.open];
    this.emit("wish", { shape: this.shape, open, colour: this.colour, isFull: this.isFull });
  }

  present() {
    this.isPresenting = !this.isPresenting;
    this.typeScale = this.isPresenting ? 1.35 : 1;
    this.root.classList.toggle("presenting", this.isPresenting);
    this.find(".leave").hidden = !this.isPresenting;
    this.controls.show();
    this.invalidate();
  }

  say(words) {
    this.find(".live").textContent = words;
  }

  problem(words) {
    Object.assign(this.find(".problem"), { hidden: false, textContent: words });
  }
}
