// Draws on the canvas above the edges: names, closed layers as matrices, links between them, what is selected.

import { numbersInWords } from "./card.js";
import { cssOf, divergingOf, inDigits, inWords } from "./colour.js";

const LEGIBLE = 9; // pixels from a neuron to the next at which its own name fits
const MAX_MARKED = 120; // edges of the selected neuron that stand out
const MIN_NAME = 34; // pixels
const LINE = 14;
const VEIL = 0.72; // of what is not joined to the selected neuron
const FRAME_TITLE = 34;

export class Overlay {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.matrices = new Map();
  }

  forget() {
    this.matrices.clear();
  }

  draw(view) {
    const { context: c } = this;
    this.view = view;
    c.setTransform(view.ratio, 0, 0, view.ratio, 0, 0);
    c.clearRect(0, 0, view.width0, view.height0);
    c.lineJoin = c.lineCap = "round";
    this.veil();
    this.frames();
    view.model.links.forEach((link) => this.link(link));
    view.model.units.forEach((unit, i) => this.unit(unit, i));
    this.marked();
    if (view.hasMap) this.map();
  }

  text(words, x, y, room, { size = 12, align = "center", colour = this.view.colours.text, isStrong = false } = {}) {
    const { context: c, view } = this;
    c.font = `${isStrong ? 600 : 400} ${size * view.typeScale}px ${view.font}`;
    c.textAlign = align;
    c.textBaseline = "middle";
    const shown = shortened(c, words, room);
    c.lineWidth = 3;
    c.strokeStyle = cssOf(view.colours.background);
    c.strokeText(shown, x, y);
    c.fillStyle = cssOf(colour);
    c.fillText(shown, x, y);
  }

  rectOf({ box: [x, y, w, h] }) {
    const [left, top] = this.view.toScreen(x - w / 2, y - h / 2);
    return [left, top, w * this.view.camera.zoom, h * this.view.camera.zoom];
  }

  // With a neuron selected, all others stand back.
  veil() {
    const { context: c, view } = this;
    if ((view.selection?.item ?? null) === null) return;
    c.fillStyle = cssOf(view.colours.background, VEIL);
    c.fillRect(0, 0, view.width0, view.height0);
  }

  frames() {
    const { context: c, view } = this;
    for (const { title, box } of view.model.frames) {
      const [left, high] = view.toScreen(box[0], box[1]);
      const top = high - FRAME_TITLE;
      const [right, bottom] = view.toScreen(box[2], box[3]);
      c.setLineDash([2, 4]);
      c.strokeStyle = cssOf(view.colours.muted, 0.8);
      c.lineWidth = 1;
      c.strokeRect(left, top, right - left, bottom - top);
      c.setLineDash([]);
      if (right - left > 60) this.text(title, left + 4, top - 8, right - left, { size: 11, align: "left", colour: view.colours.muted });
    }
  }

  // All edges between two layers as one line, where their own don't show.
  link(link) {
    const { context: c, view } = this;
    if (!link.isBackward && view.open.has(link.source) && view.open.has(link.target) && view.hasEdges(link)) return;
    const [from, to] = [view.model.units[link.source].box, view.model.units[link.target].box];
    const points = [[from[0] + from[2] / 2, from[1]], ...link.way, [to[0] - to[2] / 2, to[1]]];
    const [first, ...others] = points.map(([x, y]) => view.toScreen(x, y));
    c.beginPath();
    c.moveTo(...first);
    let [x, y] = first;
    for (const [nextX, nextY] of others) {
      const bend = (nextX - x) / 2;
      if (link.isBackward) c.lineTo(nextX, nextY);
      else c.bezierCurveTo(x + bend, y, nextX - bend, nextY, nextX, nextY);
      [x, y] = [nextX, nextY];
    }
    const isNear = view.selection && [link.source, link.target].includes(view.selection.unit);
    c.strokeStyle = cssOf(link.isBackward || isNear ? view.colours.accent : view.colours.muted, link.isWeight ? 0.9 : 0.6);
    c.lineWidth = Math.min(0.8 + 0.45 * Math.log10(1 + link.count), 5) * Math.min(1.5, Math.max(0.6, view.camera.zoom * 2));
    if (!link.isWeight) c.setLineDash([4, 4]);
    c.stroke();
    c.setLineDash([]);
  }

  unit(unit, number) {
    const { context: c, view } = this;
    const [left, top, width, height] = this.rectOf(unit);
    if (left > view.width0 + 80 || left + width < -80 || top > view.height0 + 40 || top + height < -40) return;
    const isOpen = view.open.has(number);
    const isChosen = view.selection?.unit === number && view.selection.item === null;
    c.beginPath();
    c.roundRect(left, top, width, height, Math.min(6, width / 6));
    if (!isOpen) this.closed(unit, number, left, top, width, height);
    c.lineWidth = isChosen ? 3 : 1;
    c.strokeStyle = cssOf(isChosen ? view.colours.accent : view.colours.muted, isChosen ? 1 : isOpen ? 0.35 : 0.9);
    c.stroke();
    this.names(unit, number, left, top, width, height, isOpen);
  }

  closed(unit, number, left, top, width, height) {
    const { context: c, view } = this;
    c.fillStyle = cssOf(view.colours.zero);
    c.fill();
    const matrix = this.matrixOf(unit, number);
    if (!matrix) return;
    const inset = Math.min(6, width / 10, height / 10);
    c.save();
    c.clip();
    c.imageSmoothingEnabled = false;
    c.drawImage(matrix, left + inset, top + inset, width - 2 * inset, height - 2 * inset);
    c.restore();
    c.beginPath();
    c.roundRect(left, top, width, height, Math.min(6, width / 6));
  }

  // The matrix of a unit as a picture: a row for each neuron from the top, a column for each that it reads.
  matrixOf(unit, number) {
    const { view } = this;
    if (!unit.glance) return null;
    if (!this.matrices.has(number)) {
      const { rows, columns, first } = unit.glance;
      const picture = new ImageData(columns, rows);
      for (let i = 0; i < rows * columns; i++) {
        const colour = divergingOf(view.model.arrays.cells[first + i], 127, view.colours);
        colour.forEach((value, lane) => (picture.data[4 * i + lane] = Math.round(255 * value)));
        picture.data[4 * i + 3] = 255;
      }
      const canvas = Object.assign(document.createElement("canvas"), { width: columns, height: rows });
      canvas.getContext("2d").putImageData(picture, 0, 0);
      this.matrices.set(number, canvas);
    }
    return this.matrices.get(number);
  }

  names(unit, number, left, top, width, height, isOpen) {
    const { view } = this;
    const room = width + Math.min(unit.roomRight * view.camera.zoom * 0.8, 150);
    const above = unit.roomAbove * view.camera.zoom;
    const middle = left + width / 2;
    if (room < MIN_NAME || above < LINE * view.typeScale) return;
    const isShort = above < 2.2 * LINE * view.typeScale;
    const size = inWords(unit.size) + (unit.activation && room > 90 ? ` · ${unit.activation}` : "");
    this.text(view.frameOf(unit) ? unit.label : unit.name, middle, top - (isShort ? 8 : 21) * view.typeScale, room, { isStrong: true });
    if (!isShort) this.text(size, middle, top - 8 * view.typeScale, room, { size: 11, colour: view.colours.faint });
    if (!isOpen) return;
    const pitch = unit.pitch * view.camera.zoom;
    if (unit.names.length && pitch > LEGIBLE) this.itemNames(unit, pitch);
    if (unit.side && width > 60) {
      const channels = unit.items > unit.side ** 2 ? " × 3" : "";
      this.text(`${unit.side} × ${unit.side}${channels} pixels`, middle, top + height + 10, room, { size: 11, colour: view.colours.faint });
    }
    if (unit.perItem > 1) {
      this.text(`${unit.perItem} neurons per dot`, middle, top + height + 10, room, { size: 11, colour: view.colours.faint });
    }
  }

  itemNames(unit, pitch) {
    const { view } = this;
    const isInput = unit.role === "input";
    unit.names.forEach((name, i) => {
      const [x, y] = view.toScreen(...view.model.place(unit.first + i, view.places));
      const away = Math.min(pitch * 0.5, 16) + 6;
      this.text(name, x + (isInput ? -away : away), y, 110, { size: 11, align: isInput ? "right" : "left" });
    });
  }

  // The neuron that is selected or pointed at, and the strongest edges that it has.
  marked() {
    const { view } = this;
    const { selection, hovered } = view;
    const items = new Set([hovered?.item, selection?.item].filter((item) => item !== null && item !== undefined));
    for (const item of items) if (view.open.has(view.model.unitOfItem[item])) this.fan(item);
    if (hovered?.edge) this.line(hovered.edge, true);
    for (const item of items) if (view.open.has(view.model.unitOfItem[item])) this.ring(item, item === selection?.item);
  }

  fan(item) {
    const { view } = this;
    const { in: into, out } = view.neighboursOf(item);
    const isDrawn = ({ other }) => view.open.has(view.model.unitOfItem[other]);
    const shown = [...into.slice(0, MAX_MARKED), ...out.slice(0, MAX_MARKED)].filter(isDrawn);
    for (const edge of shown.reverse()) this.line(edge, false);
    for (const { other } of shown) this.disc(other);
    this.disc(item);
  }

  disc(item) {
    const { context: c, view } = this;
    const number = view.model.unitOfItem[item];
    const [x, y] = view.toScreen(...view.model.place(item, view.places));
    c.beginPath();
    c.arc(x, y, Math.max(view.radiusOf(view.model.units[number]) * view.camera.zoom, 2), 0, 2 * Math.PI);
    c.fillStyle = cssOf(view.colourOf(item, number));
    c.fill();
    c.lineWidth = 1;
    c.strokeStyle = cssOf(view.colours.muted);
    c.stroke();
  }

  line({ part, edge, value }, isAlone) {
    const { context: c, view } = this;
    const share = part.isWeight ? Math.min(Math.abs(value) / (view.isByLayer ? part.limit : view.model.limit), 1) : 0.3;
    const colour = !part.isWeight ? view.colours.muted : value < 0 ? view.colours.negative : view.colours.positive;
    const [source, target] = view.model.endsOf(part, edge);
    const way = view.wayOf(part);
    c.beginPath();
    c.moveTo(...view.toScreen(...view.model.place(source, view.places)));
    for (const point of way) c.lineTo(...view.toScreen(...point));
    c.lineTo(...view.toScreen(...view.model.place(target, view.places)));
    c.strokeStyle = cssOf(colour, isAlone ? 1 : 0.35 + 0.65 * share);
    c.lineWidth = (isAlone ? 1.5 : 0.8) + 3 * share;
    c.stroke();
  }

  ring(item, isSelected) {
    const { context: c, view } = this;
    const unit = view.model.units[view.model.unitOfItem[item]];
    const [x, y] = view.toScreen(...view.model.place(item, view.places));
    c.beginPath();
    c.arc(x, y, Math.max(view.radiusOf(unit) * view.camera.zoom * 1.25, 6), 0, 2 * Math.PI);
    c.strokeStyle = cssOf(view.colours.accent);
    c.lineWidth = isSelected ? 3 : 2;
    c.stroke();
  }

  // The whole network at the lower edge with what of it is seen, where it is much wider than the view.
  map() {
    const { context: c, view } = this;
    const { left, top, width, height, scale, bounds } = view.mapPlace();
    c.fillStyle = cssOf(view.colours.background, 0.92);
    c.fillRect(left - 4, top - 4, width + 8, height + 8);
    for (const { box: [x, y, w, h] } of view.model.units) {
      c.fillStyle = cssOf(view.colours.muted);
      c.fillRect(left + (x - w / 2 - bounds[0]) * scale, top + (y - h / 2 - bounds[1]) * scale, Math.max(w * scale, 1), Math.max(h * scale, 1));
    }
    const [x0, y0] = view.toWorld(0, 0);
    const [x1, y1] = view.toWorld(view.width0, view.height0);
    c.strokeStyle = cssOf(view.colours.accent);
    c.lineWidth = 2;
    const [low, high] = [Math.max(0, (y0 - bounds[1]) * scale), Math.min(height, (y1 - bounds[1]) * scale)];
    c.strokeRect(left + (x0 - bounds[0]) * scale, top + low, (x1 - x0) * scale, Math.max(high - low, 2));
  }
}

// Words that fit into so many pixels: with their end, which tells paths of modules apart.
function shortened(context, words, room) {
  if (context.measureText(words).width <= room) return words;
  let [low, high] = [0, words.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (context.measureText(`…${words.slice(-middle)}`).width <= room) low = middle;
    else high = middle - 1;
  }
  return low > 1 ? `…${words.slice(-low)}` : "";
}

// What is pointed at, in a few words.
export function hintOf(view, { item = null, unit = null, edge = null }) {
  const { model } = view;
  if (edge) {
    const [source, target] = model.endsOf(edge.part, edge.edge);
    const value = edge.part.isWeight ? inDigits(edge.value) : "no weight";
    return [`${model.nameOf(source)} → ${model.nameOf(target)}`, value, model.pathOf(edge.part, edge.edge)];
  }
  if (item !== null) {
    return [model.nameOf(item), ...numbersInWords(view, item)];
  }
  const own = model.units[unit];
  return [own.name, `${own.kind}, ${inWords(own.size)} neurons`, ...own.tensors];
}
