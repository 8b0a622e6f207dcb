// A scene with its edges: which of them are drawn, where weights are stored, what a neuron is joined to.

import { fullColour, inWords } from "./colour.js";

const WITHOUT_WEIGHT = {
  skip: "skip connection", product: "product", attention: "attention", pool: "pooling", turn: "exchange of axes",
  norm: "norm without scale",
};
const EDGE_SHARE = 0.995; // quantile of |w| at which colour and width are full
const NODE_SHARE = 0.98;
const MAX_NEIGHBOURS = 200;

export class Model {
  constructor({ facts, arrays }) {
    Object.assign(this, facts);
    this.arrays = arrays;
    this.numItems = arrays.places.length / 2;
    this.unitOfItem = new Uint16Array(this.numItems);
    this.units.forEach((unit, i) => this.unitOfItem.fill(i, unit.first, unit.first + unit.items));
    this.biasOf = this.units.map((_, i) => this.blocks.filter((block) => block.target === i && block.bias));
    this.edges = new Uint32Array(0);
    this.values = new Float32Array(0);
    this.parts = [];
    this.total = { count: 0, size: 0 };
    this.bounds = this.boundsOfAll();
    this.units.forEach((unit) => Object.assign(unit, this.roomOf(unit)));
  }

  takeEdges({ facts, arrays }) {
    this.edges = arrays.edges;
    this.values = new Float32Array(this.edges.buffer, this.edges.byteOffset, this.edges.length);
    this.parts = facts.blocks.map(([number, first, held, count, size]) => {
      const block = this.blocks[number];
      const sizes = new Float32Array(held);
      for (let i = 0; i < held; i++) sizes[i] = Math.abs(this.weightOf(first + i));
      const limit = sizes[Math.floor((1 - EDGE_SHARE) * held)] || sizes[0] || 1; // they come sorted
      return { block, first, held, count, size, sizes, limit, isWeight: block.parameter !== null };
    });
    const weights = this.parts.filter((part) => part.isWeight);
    this.held = Math.max(0, ...weights.map((part) => part.held));
    this.heldInAll = weights.reduce((sum, part) => sum + part.held, 0);
    this.total = {
      count: weights.reduce((sum, part) => sum + part.count, 0),
      size: weights.reduce((sum, part) => sum + part.size, 0),
    };
    this.limit = Math.max(...weights.map((part) => part.limit), 0) || 1;
    this.largest = Math.max(0, ...weights.map((part) => part.sizes[0] ?? 0));
    this.running = new WeakMap();
  }

  isBackward({ source, target }) {
    return this.units[target].depth <= this.units[source].depth;
  }

  weightOf(edge) {
    return this.values[2 * edge + 1];
  }

  // The items at both ends of an edge of a part.
  endsOf(part, edge) {
    const ends = this.edges[2 * edge];
    return [this.units[part.block.source].first + (ends & 0xffff), this.units[part.block.target].first + (ends >>> 16)];
  }

  // How many edges of each part are drawn: the strongest k of every layer, of at least a size, between open units.
  // Recurrences are drawn as one line.
  plan(k, least, open) {
    const isShown = ({ block, held }) => held && open.has(block.source) && open.has(block.target) && !this.isBackward(block);
    return this.parts
      .filter(isShown)
      .map((part) => ({ part, count: part.isWeight ? Math.min(k, stronger(part.sizes, least)) : part.held }));
  }

  // Which part of the total |w| the first edges of the parts have.
  shareOf(plan) {
    const drawn = plan.filter(({ part }) => part.isWeight).reduce((sum, { part, count }) => sum + this.sumOf(part, count), 0);
    return this.total.size ? drawn / this.total.size : 1;
  }

  sumOf(part, count) {
    let sums = this.running.get(part);
    if (!sums) {
      sums = new Float64Array(part.held + 1);
      for (let i = 0; i < part.held; i++) sums[i + 1] = sums[i] + part.sizes[i];
      this.running.set(part, sums);
    }
    return sums[count];
  }

  place(item, places = this.arrays.places) {
    return [places[2 * item], places[2 * item + 1]];
  }

  unitAt(x, y) {
    const found = this.units.findIndex(({ box: [cx, cy, w, h] }) => Math.abs(x - cx) <= w / 2 && Math.abs(y - cy) <= h / 2);
    return found < 0 ? null : found;
  }

  // The item of a unit that is nearest to a place, if that lies within reach.
  itemAt(number, x, y, places, reach) {
    const unit = this.units[number];
    let [best, least] = [null, reach * reach];
    for (let item = unit.first; item < unit.first + unit.items; item++) {
      const distance = (places[2 * item] - x) ** 2 + (places[2 * item + 1] - y) ** 2;
      if (distance <= least) [best, least] = [item, distance];
    }
    return best;
  }

  // The strongest edges into and out of an item among those that are here, each as {edge, part, other, value}.
  neighbours(item) {
    const unit = this.unitOfItem[item];
    const local = item - this.units[unit].first;
    const found = { in: [], out: [] };
    for (const part of this.parts) {
      for (const [side, end, shift] of [["out", part.block.source, 0], ["in", part.block.target, 16]]) {
        if (end !== unit) continue;
        for (let i = part.first, left = MAX_NEIGHBOURS; i < part.first + part.held && left; i++) {
          if (((this.edges[2 * i] >>> shift) & 0xffff) !== local) continue;
          const ends = this.endsOf(part, i);
          found[side].push({ edge: i, part, other: ends[side === "out" ? 1 : 0], value: this.weightOf(i) });
          left--;
        }
      }
    }
    for (const side of Object.values(found)) side.sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
    return found;
  }

  nameOf(item) {
    const unit = this.units[this.unitOfItem[item]];
    const local = item - unit.first;
    if (unit.names[local]) return `${unit.name} · ${unit.names[local]}`;
    if (unit.perItem === 1) return `${unit.name} · ${local}`;
    const last = Math.min(unit.size, (local + 1) * unit.perItem) - 1;
    return `${unit.name} · ${local * unit.perItem}–${last}`;
  }

  // The number of an item's (first) neuron in the whole graph, and back.
  nodeOf(item) {
    const unit = this.units[this.unitOfItem[item]];
    return unit.node + (item - unit.first) * unit.perItem;
  }

  itemOf(node) {
    const unit = this.units.find((one) => node >= one.node && node < one.node + one.size);
    return unit ? unit.first + Math.floor((node - unit.node) / unit.perItem) : null;
  }

  // Where the tensors hold an edge; the same text as app/edge_paths.py.
  pathOf(part, edge) {
    const { block } = part;
    if (!part.isWeight) return WITHOUT_WEIGHT[block.kind] ?? block.kind;
    const ends = this.edges[2 * edge];
    const [source, target] = [this.units[block.source], this.units[block.target]];
    if (source.perItem > 1 || target.perItem > 1) return `${block.parameter} (norm of a group of weights)`;
    const from = (ends & 0xffff) - block.from;
    let into = (ends >>> 16) - block.to + block.rows[0];
    const own = from % block.perGroup;
    if (block.layout === "diagonal") return `${block.parameter}[${into}]`;
    if (block.layout === "in_out") {
      if (block.groups > 1) into = (((ends >>> 16) - block.to) % (block.rows[1] - block.rows[0])) + block.rows[0];
      return `${block.parameter}[${(block.groups > 1 ? from : own) + block.columns[0]}, ${into}]`;
    }
    if (block.kind === "linear" && block.area > 1 && !block.interleaved) {
      const first = own * block.area + block.columns[0];
      return `${block.parameter}[${into}, ${first}:${first + block.area}]`;
    }
    const step = block.interleaved ? `::${block.interleaved}` : "";
    const column = own + Math.floor(block.columns[0] / (block.interleaved ? 1 : block.area));
    return `${block.parameter}[${into}, ${column}${step}]`;
  }

  biasPathOf(item) {
    const number = this.unitOfItem[item];
    const unit = this.units[number];
    const local = (item - unit.first) * unit.perItem;
    const block = this.biasOf[number].filter((one) => one.to <= local).at(-1);
    if (!block || !this.arrays.has_bias[item]) return null;
    const first = block.bias[1] + local - block.to;
    return unit.perItem > 1 ? `${block.bias[0]}[${first}:${first + unit.perItem}]` : `${block.bias[0]}[${first}]`;
  }

  // The smallest rectangle around all units and lines: left, top, right, bottom.
  boundsOfAll() {
    const ways = this.links.flatMap(({ way }) => way);
    const xs = this.units.flatMap(({ box: [x, , w] }) => [x - w / 2, x + w / 2]).concat(ways.map(([x]) => x));
    const ys = this.units.flatMap(({ box: [, y, , h] }) => [y - h / 2, y + h / 2]).concat(ways.map(([, y]) => y));
    const ends = (values) => values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
    const [[left, right], [top, bottom]] = [ends(xs), ends(ys)];
    return [left, top, right, bottom];
  }

  // The room above a unit and to its right, up to the next one.
  roomOf({ box: [x, y, w, h], depth }) {
    const above = this.units.filter((other) => other.depth === depth && other.box[1] < y);
    const next = this.units.filter((other) => other.depth === depth + 1);
    const left = Math.min(...next.map((other) => other.box[0] - other.box[2] / 2));
    return {
      roomAbove: y - h / 2 - Math.max(...above.map((other) => other.box[1] + other.box[3] / 2)),
      roomRight: next.length ? Math.max(left - x - w / 2, 0) : 120,
    };
  }

  // For every unit the |value| at which the colour of its items is full; one for all where layers are compared.
  nodeLimits(values, isByLayer) {
    const all = isByLayer ? 0 : fullColour(values, NODE_SHARE);
    return this.units.map(({ first, items }) => all || fullColour(values.subarray(first, first + items), NODE_SHARE));
  }

  // Items whose name holds a text, or the one that a path such as "2.weight[5, 3]" or "2.bias[5]" ends in.
  search(text, most) {
    const wanted = text.trim().toLowerCase();
    if (!wanted) return [];
    const path = this.atPath(wanted);
    if (path !== null) return [{ item: path, name: this.nameOf(path) }];
    const found = [];
    this.units.forEach((unit, i) => {
      const isMatch = [unit.name, ...unit.tensors].some((name) => name.toLowerCase().includes(wanted));
      if (isMatch) found.push({ unit: i, name: `${unit.name} · ${inWords(unit.size)} neurons` });
    });
    for (let item = 0; item < this.numItems && found.length < most; item++) {
      if (this.nameOf(item).toLowerCase().includes(wanted)) found.push({ item, name: this.nameOf(item) });
    }
    return found.slice(0, most);
  }

  atPath(text) {
    const [, name, row] = /^(.+)\[\s*(\d+)/.exec(text) ?? [];
    if (!name) return null;
    for (const block of this.blocks) {
      const starts = [];
      if (block.parameter?.toLowerCase() === name && block.layout !== "in_out") starts.push([block.rows[0], block.rows[1]]);
      if (block.bias?.[0].toLowerCase() === name) starts.push([block.bias[1], block.bias[1] + block.targets * block.groups]);
      for (const [first, last] of starts) {
        if (Number(row) < first || Number(row) >= last) continue;
        const unit = this.units[block.target];
        return unit.first + Math.floor((block.to + Number(row) - first) / unit.perItem);
      }
    }
    return null;
  }
}

// How many of some sizes, the largest first, are at least so large.
function stronger(sizes, least) {
  if (!(least > 0)) return sizes.length;
  let [low, high] = [0, sizes.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sizes[middle] >= least) low = middle + 1;
    else high = middle;
  }
  return low;
}
