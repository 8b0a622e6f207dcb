// What of a drawing is selected, pointed at and open, and how one walks along its edges.

import { fillCard } from "./card.js";
import { Drawing } from "./drawing.js";
import { hintOf } from "./overlay.js";

const told = (globalThis.ngcoreGraphTold ??= new Map()); // the last selection that Python was told, by channel; outlives the element

export class Explorer extends Drawing {
  constructor(root) {
    super(root);
    Object.assign(this, { selection: null, hovered: null });
  }

  neighboursOf(item) {
    if (this.neighbourhood?.item !== item) this.neighbourhood = { item, found: this.model.neighbours(item) };
    return this.neighbourhood.found;
  }

  // Whether Python has not heard of the last selection that was made here, so that its own is older. What was told
  // before an address was opened is not waited for: the page that it was told may have been left.
  get isAhead() {
    const last = told.get(this.data.channel);
    return Boolean(last) && last.opening === this.data.opening && this.data.heard < last.count;
  }

  tellSelection(item) {
    const { channel, opening, heard } = this.data;
    const count = 1 + Math.max(heard, told.get(channel)?.count ?? 0);
    told.set(channel, { count, opening });
    this.emit("selected", { key: this.key, node: item === null ? null : this.model.nodeOf(item), count });
  }

  // The selection of Python: another way to choose a neuron.
  adopt(node) {
    const item = node === null ? null : this.model.itemOf(node);
    if (item === (this.selection?.item ?? null)) return;
    this.show(item === null ? null : { unit: this.model.unitOfItem[item], item });
    if (item !== null) this.bringIntoView(item);
  }

  // Select a neuron, a layer or, with null, nothing, here and in linked viewers, and tell Python.
  select(meant) {
    const before = this.selection?.item ?? null;
    this.show(meant);
    this.tell((other) => other.show(meant));
    const item = this.selection?.item ?? null;
    if (item !== before && this.data.isSelectionShared) this.tellSelection(item);
    if (this.selection) this.say(hintOf(this, this.selection).join(", "));
  }

  show(meant) {
    this.selection = meant ? { unit: meant.unit, item: meant.item } : null;
    if (meant && meant.item !== null && !this.open.has(meant.unit)) this.toggle(meant.unit);
    const item = this.selection?.item ?? null;
    const [x] = item === null ? [0] : this.toScreen(...this.model.place(item, this.places));
    this.find(".card").classList.toggle("left", x > this.width0 / 2);
    fillCard(this.find(".card"), this);
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
    fillCard(this.find(".card"), this);
    this.changed(!this.model.isWhole);
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
    if (isSame) return;
    this.invalidateOverlay();
    this.tell((other) => other.pointAt(meant && !meant.edge ? meant : null));
  }

  // What is pointed at in a linked viewer.
  pointAt(meant) {
    this.hovered = meant;
    this.invalidateOverlay();
  }
}
