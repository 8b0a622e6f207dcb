// Draws a stage when something changes: coarsely while it moves, finely in slices once it rests.

import { divergingOf, inWords } from "./colour.js";
import { shapesOf } from "./files.js";
import { countOf, thinned } from "./painter.js";
import { Stage } from "./stage.js";

const REST_MS = 140;
const PROGRESS_FROM = 60_000; // edges from which a picture says how far it is
const FIRST_EDGES = 2_000;
const FLIGHT_MS = 1_600;
const STEP_MS = 800; // of the forward pass
const PICTURE_PIXELS = 8; // of a neuron from which it shows what it computes
const MAX_WIDTH = 1.8; // pixels of a mean edge where there are few
const MAX_FLAT = 2_500; // edges that are drawn without WebGL

export class Drawing extends Stage {
  constructor(root) {
    super(root);
    Object.assign(this, { k: null, least: 0, isByLayer: true, colour: "bias", isFull: false, edgeWidth: 1.6 });
    Object.assign(this, { open: new Set(), extras: {}, revealed: Infinity, isMoving: false });
  }

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

  // The camera has moved: draw here and in linked viewers.
  moved() {
    this.moves();
    this.tell((other) => {
      Object.assign(other.camera, this.camera.state);
      other.moves();
    });
  }

  // As `invalidate`, with fewer edges until the view has rested for a moment.
  moves() {
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

  get activations() {
    return this.extras.activations;
  }

  // A number for every item by what it is called in colours; nothing where there are none, or not yet.
  numbersOf(name) {
    const { bias, fan_in } = this.model.arrays;
    return { bias, fan_in, activation: this.activations?.values, ...this.extras.numbers }[name] ?? null;
  }

  // The numbers that colour neurons, and for every unit the one at which the colour is full.
  colourNodes() {
    const numbers = this.numbersOf(this.colour);
    this.numbers = numbers;
    this.isSize = Boolean(numbers?.every((number) => number >= 0));
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
      isHidden: this.isAwaited || (this.colour === "activation" && unit.depth > this.revealed),
      limit: this.limits[number],
      colour: this.colours.categories[number % this.colours.categories.length],
    };
  }

  // Whether the numbers that colour neurons have still to arrive.
  get isAwaited() {
    return !this.numbers && this.colour !== "layer";
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
}
