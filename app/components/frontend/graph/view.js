// One viewer: takes what Python sends, remembers how each network was looked at, says what Python has to know.

import { fetchArrays } from "./arrays.js";
import { fillCard } from "./card.js";
import { rgbOf } from "./colour.js";
import { Controls } from "./controls.js";
import { Explorer } from "./explorer.js";
import { Input } from "./input.js";
import { Model } from "./model.js";

const SETTLED_MS = 500; // without a change until Python is told what is in the address
const LOOKS = ["k", "least", "isByLayer", "colour", "isFull"];

const kept = (globalThis.ngcoreGraphViews ??= new Map()); // by network; outlives the element when a page is left
const groups = (globalThis.ngcoreGraphGroups ??= new Map()); // viewers that are moved together, by name

export class View extends Explorer {
  constructor(root) {
    super(root);
    Object.assign(this, { addresses: {}, arriving: 0 });
    this.controls = new Controls(this);
    this.input = new Input(this);
    this.aborts = new AbortController();
    this.arrivals = Promise.resolve();
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
    this.join(data.group);
    this.find(".stage").style.height = data.height ? `min(${data.height}px, 90vw)` : "";
    this.find(".problem").hidden = true;
    this.root.classList.toggle("compact", data.isCompact);
    this.root.classList.toggle("bare", data.isBare);
    if (data.isCompact) this.find(".key").before(this.find(".card")); // below the drawing, most of which it would cover
    this.arrivals = this.arrivals.then(() => this.receive(data)); // one after the other, however fast reruns follow
    this.arriving += 1;
    await this.arrivals;
    this.arriving -= 1;
    if (!this.model || this.isGone || data !== this.data) return;
    if (data.asked !== this.asked) this.takeLook(data.look);
    this.asked = data.asked;
    if (data.isSelectionShared && !this.isAhead) this.adopt(data.selected);
    this.controls.show();
    this.invalidate();
  }

  async receive(data) {
    if (this.isGone || data !== this.data) return;
    try {
      await this.take("scene", data.scene, (found) => this.takeScene(found, data));
      await this.take("edges", data.edges, (found) => this.takeEdges(found));
      await this.take("activations", data.activations, (found) => this.takeActivations(found));
      await this.take("numbers", data.numbers, (found) => this.takeNumbers(found));
      await this.take("kernels", data.kernels, (found) => this.takeKernels(found));
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
      if (name in this.extras) this.extras[name] = null;
      return;
    }
    const found = await fetchArrays(address, this.aborts.signal);
    if (this.addresses[name] === address && !this.isGone) use(found);
  }

  takeScene(found, data) {
    this.remember();
    const own = this.shape === data.shape ? this.look : null; // Python may not have heard of it yet
    [this.key, this.shape] = [data.key, data.shape];
    this.model = new Model(found);
    this.places = Float32Array.from(found.arrays.places);
    this.extras = { activations: null, numbers: null, kernels: null };
    Object.assign(this.addresses, { edges: null, activations: null, numbers: null, kernels: null, flight: null });
    const old = kept.get(this.key) ?? kept.get(this.shape);
    this.selection = kept.get(this.key)?.selection ?? null;
    this.linkOf = new Map(this.model.links.map((link) => [`${link.source}-${link.target}`, link]));
    this.takeLook(own ?? old?.look ?? data.look);
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
    if (this.wantsAll) this.tell((other) => other.follow(this.look));
    this.wantsAll = false;
    fillCard(this.find(".card"), this);
  }

  takeActivations({ facts, arrays }) {
    this.extras.activations = { tile: facts.tile, ...arrays };
    if (arrays.tiles.length) this.painter.fillTiles(arrays.tiles, facts.tile);
    this.colourNodes();
    if (this.isWaitingToPlay) this.play();
    fillCard(this.find(".card"), this);
  }

  takeNumbers({ arrays }) {
    this.extras.numbers = arrays;
    this.colourNodes();
    fillCard(this.find(".card"), this);
  }

  takeKernels({ facts, arrays }) {
    this.extras.kernels = { ...facts, ...arrays };
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
    const { activations } = this.extras;
    if (activations?.tiles.length) this.painter.fillTiles(activations.tiles, activations.tile);
    this.colourNodes();
    this.invalidate();
  }

  // What is remembered of a network while another, or another page, is looked at.
  remember() {
    if (!this.key || !this.model) return;
    const own = { look: this.look, camera: this.camera.state, selection: this.selection };
    for (const key of [this.key, this.shape]) kept.set(key, own);
  }

  destroy() {
    this.remember();
    this.isGone = true;
    this.join(null);
    this.aborts.abort();
    this.resizes.disconnect();
    cancelAnimationFrame(this.frame);
    clearTimeout(this.rest);
    clearTimeout(this.isDue);
    clearInterval(this.player);
    this.painter.gl?.getExtension("WEBGL_lose_context")?.loseContext();
  }

  // How it is looked at --------------------------------------------------------------------------------------------------

  // Edges, colours and open layers; none of the latter where they are those that are open at first.
  get look() {
    const first = this.opensAtFirst();
    const isFirst = first.length === this.open.size && first.every((number) => this.open.has(number));
    const own = Object.fromEntries(LOOKS.map((name) => [name, this[name]]));
    if (own.colour === this.data.words.colours[0][0]) own.colour = "";
    return { ...own, open: isFirst ? null : [...this.open].sort((a, b) => a - b) };
  }

  takeLook(look) {
    const names = this.data.words.colours.map(([name]) => name);
    Object.assign(this, { k: null, least: 0, isByLayer: true, isFull: false, ...look });
    this.open = new Set(look?.open ?? this.opensAtFirst());
    if (!names.includes(this.colour)) this.colour = names[0];
    this.colourNodes();
  }

  titleOf(colour) {
    const [, title, unit = ""] = this.data.words.colours.find(([name]) => name === colour);
    return unit ? `${title}, ${unit}` : title;
  }

  opensAtFirst() {
    return this.model.opens ? this.model.units.map((_, i) => i) : [];
  }

  setColour(name) {
    this.colour = name;
    this.revealed = Infinity;
    this.changed(true);
  }

  setScale(isByLayer) {
    this.isByLayer = isByLayer;
    this.changed();
  }

  drawAll() {
    this.k = this.model.held;
    this.least = 0;
    if (!this.isFull && this.model.heldInAll < this.model.total.count) this.isFull = this.wantsAll = true;
    this.changed(true);
  }

  // The look has changed: draw it here and in linked viewers, and tell Python, now where it has something to send.
  changed(isUrgent = false) {
    this.colourNodes();
    this.tell((other) => other.follow(this.look));
    this.tellPython(isUrgent);
    this.controls.show();
    this.invalidate();
  }

  follow(look, isMoving = false) {
    this.takeLook(look);
    this.controls.show();
    if (isMoving) this.moves();
    else this.invalidate();
  }

  // Tell Python what it has to send and what is in the address; later while it may change further.
  tellPython(isUrgent) {
    this.remember();
    clearTimeout(this.isDue);
    this.isDue = 0;
    if (!isUrgent) {
      this.isDue = setTimeout(() => this.tellPython(true), SETTLED_MS);
      return;
    }
    const look = { shape: this.shape, ...this.look };
    if (JSON.stringify(look) === this.told) return;
    this.told = JSON.stringify(look);
    this.emit("look", look);
  }

  // Linked viewers -------------------------------------------------------------------------------------------------------

  join(name) {
    if (this.group === name) return;
    groups.get(this.group)?.delete(this);
    this.group = name;
    if (!name) return;
    if (!groups.has(name)) groups.set(name, new Set());
    groups.get(name).add(this);
  }

  // Let the other viewers of the group do something; what they do is not told again.
  tell(act) {
    for (const other of groups.get(this.group) ?? []) {
      if (other === this || other.shape !== this.shape || !other.model) continue;
      act(other);
    }
  }

  // Words ----------------------------------------------------------------------------------------------------------------

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
