// Draws edges and neurons with WebGL 2: few edges with their widths, many as lines, a million in slices.

import { buildProgram, buildTexture, fillTexture, LINE_FRAGMENT, LINE_VERTEX, NODE_FRAGMENT, NODE_VERTEX, QUAD_FRAGMENT, QUAD_VERTEX, TILES } from "./shaders.js";

const QUADS = 6_000; // edges that are drawn with their widths
const STEADY_MS = 60; // of a frame while the drawing moves
const SLICE_MS = 300; // of a slice at rest
const LEAST_SLICE = 25_000; // edges; showing a slice costs as much as some thousands of them

export class Painter {
  constructor(canvas) {
    const options = { antialias: false, depth: true, alpha: false, preserveDrawingBuffer: true };
    this.canvas = canvas;
    this.gl = canvas.getContext("webgl2", options);
    this.cost = { lines: 1.5e-3, quads: 8e-3 }; // milliseconds for an edge, measured as it draws
    if (this.gl) this.prepare();
  }

  // Programs and textures; again after a lost context, whose contents have to be taken again.
  prepare() {
    const { gl } = this;
    this.programs = {
      lines: buildProgram(gl, LINE_VERTEX, LINE_FRAGMENT),
      quads: buildProgram(gl, QUAD_VERTEX, QUAD_FRAGMENT),
      nodes: buildProgram(gl, NODE_VERTEX, NODE_FRAGMENT),
    };
    if (!this.canDraw) return;
    const names = ["places", "edges", "numbers", "tiles"];
    this.textures = Object.fromEntries(names.map((name) => [name, buildTexture(gl)]));
    this.formats = {
      places: [gl.RG32F, gl.RG, gl.FLOAT, Float32Array, 2],
      edges: [gl.RG32UI, gl.RG_INTEGER, gl.UNSIGNED_INT, Uint32Array, 2],
      numbers: [gl.R32F, gl.RED, gl.FLOAT, Float32Array, 1],
    };
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    gl.bindVertexArray(gl.createVertexArray());
  }

  get canDraw() {
    return Boolean(this.gl && Object.values(this.programs).every(Boolean));
  }

  fill(name, numbers) {
    if (this.canDraw) fillTexture(this.gl, this.textures[name], this.formats[name], numbers);
  }

  // The pictures of all items in rows of `TILES`.
  fillTiles(tiles, side) {
    if (!this.canDraw) return;
    const { gl } = this;
    const count = tiles.length / (side * side);
    const rows = Math.max(1, Math.ceil(count / TILES));
    const atlas = new Uint8Array(TILES * side * rows * side);
    for (let tile = 0; tile < count; tile++) {
      const [column, row] = [tile % TILES, Math.floor(tile / TILES)];
      for (let y = 0; y < side; y++) {
        const from = (tile * side + y) * side;
        atlas.set(tiles.subarray(from, from + side), (row * side + y) * TILES * side + column * side);
      }
    }
    gl.bindTexture(gl.TEXTURE_2D, this.textures.tiles);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.R8, TILES * side, rows * side, 0, gl.RED, gl.UNSIGNED_BYTE, atlas);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST_MIPMAP_NEAREST);
    gl.generateMipmap(gl.TEXTURE_2D); // no level mixes two tiles, whose sides are a power of two
    this.tileSide = side;
  }

  // How many edges of a plan a frame has time for.
  affordable(plan) {
    const total = countOf(plan);
    return total <= QUADS && total * this.cost.quads <= STEADY_MS ? total : Math.max(1_500, Math.floor(STEADY_MS / this.cost.lines));
  }

  // Begin a picture: the ground, and, where edges are lines, the neurons, which no edge may cover.
  begin(view, plan, isMoving) {
    const { gl } = this;
    const total = countOf(plan);
    this.isQuads = total <= QUADS && (!isMoving || total * this.cost.quads <= STEADY_MS);
    gl.viewport(0, 0, this.canvas.width, this.canvas.height);
    gl.clearColor(...view.colours.background, 1);
    gl.clearDepth(1);
    gl.depthMask(true);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.depthFunc(gl.LESS);
    if (!this.isQuads) this.paintNodes(view);
  }

  // Draw the edges of a plan, from `done` of all on, for as long as a slice takes; returns how many are drawn then.
  paintEdges(view, plan, done, isMoving) {
    const { gl } = this;
    const kind = this.isQuads ? "quads" : "lines";
    const { at } = this.use(this.programs[kind], view);
    const each = this.isQuads ? 6 : 2;
    if (this.isQuads) {
      gl.disable(gl.DEPTH_TEST);
      gl.enable(gl.BLEND);
      gl.blendFunc(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA);
    } else {
      gl.enable(gl.DEPTH_TEST);
      gl.disable(gl.BLEND);
    }
    gl.uniform1f(at.strength, this.isQuads ? 0.35 + 0.35 * view.edgeWidth : 0.9);
    gl.uniform1f(at.width ?? null, view.edgeWidth);
    const most = this.isQuads || isMoving ? Infinity : Math.max(LEAST_SLICE, Math.floor(SLICE_MS / this.cost[kind]));
    const started = performance.now();
    let [seen, drawn] = [0, 0];
    for (const { part, count } of plan) {
      const skipped = Math.min(Math.max(done - seen, 0), count);
      const now = Math.min(count - skipped, most - drawn);
      seen += count;
      if (now <= 0) continue;
      this.setPart(at, view, part, part.first + skipped, now);
      for (const [from, to] of view.segmentsOf(part)) {
        gl.uniform2i(at.hasWay, from ? 1 : 0, to ? 1 : 0);
        gl.uniform4f(at.way, ...(from ?? [0, 0]), ...(to ?? [0, 0]));
        gl.drawArrays(this.isQuads ? gl.TRIANGLES : gl.LINES, 0, each * now);
      }
      drawn += now;
      if (drawn >= most) break;
    }
    if (drawn > 500) this.learn(kind, drawn, started);
    return done + drawn;
  }

  setPart(at, view, part, first, count) {
    const { gl } = this;
    const [source, target] = [view.model.units[part.block.source], view.model.units[part.block.target]];
    gl.uniform1i(at.first, first);
    gl.uniform1i(at.count ?? null, count);
    gl.uniform1i(at.sourceItem, source.first);
    gl.uniform1i(at.targetItem, target.first);
    gl.uniform1i(at.isWeight, part.isWeight);
    gl.uniform1f(at.limit, view.isByLayer ? part.limit : view.model.limit);
  }

  // Wait for the processor, and note what an edge cost.
  learn(kind, count, started) {
    this.sync();
    const each = (performance.now() - started) / count;
    this.cost[kind] = 0.6 * this.cost[kind] + 0.4 * each;
  }

  sync() {
    this.gl.readPixels(0, 0, 1, 1, this.gl.RGBA, this.gl.UNSIGNED_BYTE, new Uint8Array(4));
  }

  finish(view) {
    if (this.isQuads) this.paintNodes(view);
  }

  paintNodes(view) {
    const { gl } = this;
    const { at } = this.use(this.programs.nodes, view);
    gl.enable(gl.DEPTH_TEST);
    gl.depthFunc(gl.ALWAYS);
    gl.disable(gl.BLEND);
    gl.uniform1f(at.tileSide, this.tileSide ?? 1);
    view.model.units.forEach((unit, i) => {
      if (!view.open.has(i)) return;
      const style = view.styleOf(i);
      gl.uniform1i(at.first, unit.first);
      gl.uniform1f(at.radius, style.radius);
      gl.uniform1i(at.look, style.look);
      gl.uniform1i(at.isSquare, style.isSquare);
      gl.uniform1i(at.isHidden, style.isHidden);
      gl.uniform1f(at.limit, style.limit);
      gl.uniform3f(at.flat_colour, ...style.colour);
      gl.drawArrays(gl.TRIANGLES, 0, 6 * unit.items);
    });
    gl.depthFunc(gl.LESS);
  }

  use({ program, at }, view) {
    const { gl } = this;
    gl.useProgram(program);
    Object.entries(this.textures).forEach(([name, texture], i) => {
      gl.activeTexture(gl.TEXTURE0 + i);
      gl.bindTexture(gl.TEXTURE_2D, texture);
      gl.uniform1i(at[name] ?? null, i);
    });
    gl.activeTexture(gl.TEXTURE0);
    gl.uniform2f(at.centre, view.camera.x, view.camera.y);
    gl.uniform2f(at.canvas, this.canvas.width, this.canvas.height);
    gl.uniform1f(at.zoom, view.camera.zoom * view.ratio);
    for (const name of ["negative", "zero", "positive", "muted", "background"]) {
      gl.uniform3f(at[name] ?? null, ...view.colours[name]);
    }
    return { at };
  }
}

export const countOf = (plan) => plan.reduce((sum, { count }) => sum + count, 0);

// The same layers with at most so many edges in all, the strongest of each.
export function thinned(plan, most) {
  const total = countOf(plan);
  if (total <= most) return plan;
  return plan.map(({ part, count }) => ({ part, count: Math.max(1, Math.floor((count * most) / total)) }));
}
