// The buttons, sliders, search and key around the drawing.

import { cssOf, inDigits, inWords } from "./colour.js";
import { element } from "./elements.js";
import { savePng, saveSvg } from "./files.js";
import { countOf } from "./painter.js";

const MAX_HITS = 200;
const MAX_KEYS = 8;
const FACTOR = 1.4;

export class Controls {
  constructor(view) {
    this.view = view;
    const acts = {
      in: () => view.zoomBy(FACTOR), out: () => view.zoomBy(1 / FACTOR), fit: () => view.fit(),
      open: () => view.openAll(true), close: () => view.openAll(false), play: () => view.play(),
      present: () => view.present(), fullscreen: () => this.fullscreen(), png: () => savePng(view), svg: () => this.svg(),
      more: () => view.drawAll(), cancel: () => view.cancel(),
    };
    for (const one of view.root.querySelectorAll("[data-do]")) {
      one.onclick = () => view.model && acts[one.dataset.do]();
    }
    view.find(".k").oninput = (event) => this.set("k", countAt(event.target.value / 100, view.model?.held ?? 1));
    view.find(".least").oninput = (event) => this.set("least", (event.target.value / 100) ** 2 * (view.model?.largest ?? 0));
    for (const slider of [view.find(".k"), view.find(".least")]) slider.onchange = () => view.model && view.tellPython();
    view.find(".scale").onchange = (event) => view.setScale(event.target.value === "layer");
    view.find(".colour").onchange = (event) => view.setColour(event.target.value);
    this.search = view.find(".search input");
    this.search.oninput = () => this.showHits();
    this.search.onkeydown = (event) => this.onSearchKey(event);
    this.search.onblur = () => setTimeout(() => (view.find(".hits").hidden = true), 200);
    view.root.addEventListener("fullscreenchange", () => view.arrange());
  }

  set(name, value) {
    if (!this.view.model) return;
    this.view[name] = value;
    this.showSliders();
    this.view.moves();
    this.view.tell((other) => other.follow(this.view.look, true));
  }

  fullscreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.view.root.requestFullscreen?.().catch(() => {});
  }

  svg() {
    try {
      saveSvg(this.view);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.view.problem(this.view.find(".live").textContent);
      setTimeout(() => (this.view.find(".problem").hidden = true), 5000);
    }
  }

  show() {
    const { view } = this;
    if (!view.model || !view.colours) return;
    view.find(".scale").value = view.isByLayer ? "layer" : "network";
    this.showWords();
    for (const one of view.root.querySelectorAll("[data-do=present]")) one.setAttribute("aria-pressed", view.isPresenting);
    view.overlay.canvas.setAttribute("aria-label", `Neural graph: ${view.model.units.map((unit) => `${unit.name}, ${unit.size} neurons`).slice(0, 40).join("; ")}`);
    this.showSliders();
    this.showMore();
    this.showKey();
  }

  // What the numbers of edges and neurons are, in the words of Python.
  showWords() {
    const { view } = this;
    const { colours, size } = view.data.words;
    if (JSON.stringify(colours) !== this.choices) {
      this.choices = JSON.stringify(colours);
      view.find(".colour").replaceChildren(...colours.map(([value, title]) => Object.assign(element("option", "", title), { value })));
    }
    view.find(".colour").value = view.colour;
    view.find("[data-do=play]").hidden = !colours.some(([name]) => name === "activation");
    view.find(".least-name").textContent = `Least ${size}`;
  }

  showSliders() {
    const { view } = this;
    const held = view.model.held ?? 0;
    view.find(".k").disabled = held < 2;
    view.find(".k").value = 100 * shareAt(view.edgesPerLayer, held);
    view.find(".k-shown").textContent = inWords(Math.min(view.edgesPerLayer, held));
    view.find(".least").value = 100 * Math.sqrt(view.model.largest ? view.least / view.model.largest : 0);
    view.find(".least-shown").textContent = inDigits(view.least);
  }

  showMore() {
    const { view } = this;
    const more = view.find(".more");
    const { heldInAll = 0, total } = view.model;
    const limit = view.data.fullBudget;
    const isLeft = heldInAll < total.count && !view.isFull;
    more.hidden = !view.plan().length || (!isLeft && view.edgesPerLayer >= view.model.held);
    more.textContent = `Draw ${total.count > limit ? `the strongest ${inWords(limit)}` : `all ${inWords(total.count)}`} edges`;
    if (!total.count) more.hidden = true;
  }

  showCounts() {
    const { view } = this;
    const { total, heldInAll } = view.model;
    const plan = view.plan().filter(({ part }) => part.isWeight);
    const count = countOf(plan);
    const share = view.model.shareOf(plan);
    if (!plan.length) {
      view.find(".count").textContent = `No two layers beside each other are open; the network has ${inWords(view.model.numEdges)} edges`;
      return this.mark();
    }
    const words = [`${inWords(count)} of ${inWords(view.model.isWhole ? total.count : Math.max(total.count, count))} edges, ${percent(share)} of the total ${view.data.words.size}`];
    if (view.drawn?.isCancelled) words.push(`cancelled at ${inWords(view.drawn.done)}`);
    if (!view.model.isWhole) words[0] = `${words[0]} between open layers; the network has ${inWords(view.model.numEdges)}`;
    if (view.isFull && heldInAll < total.count) words.push(`beyond ${inWords(view.data.fullBudget)} a layer is clearer closed, as a matrix`);
    view.find(".count").textContent = words.join("; ");
    this.mark();
  }

  // Say to scripts how far the picture is.
  mark() {
    const { view } = this;
    view.root.dataset.drawn = view.drawn?.done ?? 0;
    view.root.dataset.planned = view.drawn?.planned ?? 0;
    view.root.dataset.ready = view.job || view.isMoving || view.arriving ? "no" : "yes";
  }

  showKey() {
    const { view } = this;
    const box = view.find(".scales");
    box.replaceChildren();
    const where = view.isByLayer ? ", scaled by layer" : "";
    const limit = view.isByLayer ? "" : inDigits(view.model.limit);
    box.append(ramp(`${view.data.words.edge}${where}`, limit, [view.colours.negative, view.colours.muted, view.colours.positive], true));
    if (view.colour === "layer") {
      view.model.units.slice(0, MAX_KEYS).forEach((unit, i) => {
        const row = element("span", "", "");
        const dot = element("span", "dot");
        dot.style.background = cssOf(view.colours.categories[i % view.colours.categories.length]);
        row.append(dot, unit.name);
        box.append(row);
      });
      return;
    }
    const title = `neuron: ${view.titleOf(view.colour)}${where}`;
    const { negative, zero, positive } = view.colours;
    box.append(ramp(title, view.isByLayer ? "" : inDigits(view.limits?.[0] ?? 1), view.isSize ? [zero, positive] : [negative, zero, positive], false));
  }

  showHits() {
    const { view } = this;
    const box = view.find(".hits");
    const hits = view.model?.search(this.search.value, MAX_HITS) ?? [];
    box.hidden = !this.search.value.trim();
    this.hits = hits;
    this.chosen = 0;
    const rows = hits.map((hit, i) => {
      const row = element("li", "", hit.name);
      row.setAttribute("role", "option");
      row.setAttribute("aria-selected", i === 0);
      row.onpointerdown = () => this.take(hit);
      return row;
    });
    if (!rows.length) rows.push(element("li", "none", "Nothing of this name: type a layer, or a path such as 2.weight[5, 3]"));
    if (rows.length === MAX_HITS) rows.push(element("li", "none", "and more: type more letters"));
    box.replaceChildren(...rows);
  }

  onSearchKey(event) {
    event.stopPropagation();
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const rows = [...this.view.find(".hits").querySelectorAll("[role=option]")];
    if (step && rows.length) {
      event.preventDefault();
      this.chosen = (this.chosen + step + rows.length) % rows.length;
      rows.forEach((row, i) => row.setAttribute("aria-selected", i === this.chosen));
      rows[this.chosen].scrollIntoView({ block: "nearest" });
    }
    if (event.key === "Enter" && this.hits?.length) this.take(this.hits[this.chosen]);
    if (event.key === "Escape") this.search.value = "";
    if (event.key === "Escape" || event.key === "Enter") {
      this.view.find(".hits").hidden = true;
      this.view.overlay.canvas.focus({ preventScroll: true });
    }
  }

  take({ item, unit }) {
    const { view } = this;
    if (item !== undefined) view.walkTo(item);
    else view.visit(unit);
  }
}

// A slider whose steps are finer where there are few edges: 0 to 1 for 1 to so many.
const countAt = (share, most) => Math.max(1, Math.round(Math.max(most, 1) ** share));
const shareAt = (count, most) => (most > 1 ? Math.log(Math.max(count, 1)) / Math.log(most) : 1);
const percent = (share) => `${share >= 0.995 || share === 0 ? Math.round(100 * share) : (100 * share).toPrecision(2)} %`;

function ramp(title, limit, colours, isWedge) {
  const found = element("span", "ramp");
  const bar = element("i", isWedge ? "wedge" : "");
  bar.style.background = `linear-gradient(90deg, ${colours.map((colour) => cssOf(colour)).join(", ")})`;
  found.append(title, limit && (colours.length === 2 ? "0" : `−${limit}`), bar, limit && `+${limit}`);
  return found;
}

