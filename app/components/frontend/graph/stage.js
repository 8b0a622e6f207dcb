// What is seen of a drawing: its canvases, where it is looked at from, and where things stand on them.

import { Camera, mapPlaceOf } from "./camera.js";
import { Overlay } from "./overlay.js";
import { Painter } from "./painter.js";

export class Stage {
  constructor(root) {
    this.root = root;
    this.find = (selector) => root.querySelector(selector);
    this.canvas = this.find(".edges");
    this.painter = new Painter(this.canvas);
    this.overlay = new Overlay(this.find(".overlay"));
    this.camera = new Camera();
    Object.assign(this, { model: null, ratio: 1, typeScale: 1, isPresenting: false, hasLookedAround: false });
    this.resizes = new ResizeObserver(() => this.arrange());
    this.resizes.observe(this.find(".stage"));
  }

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
    return Camera.fitting(this.model, this.width0, this.height0);
  }

  fit() {
    if (!this.model) return;
    this.camera.fit(this.model, this.width0, this.height0);
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
}
