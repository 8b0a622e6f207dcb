// Where the drawing is looked at from: its middle, and pixels for a unit of the drawing.

const MARGIN = 46; // pixels around the whole network, for names
const NAME_MARGIN = 88; // on the right where outputs have names
const MAX_ZOOM = 60;
const LEAST_WIDTH = 26; // pixels of the mean layer; of a long network that would be narrower the left end shows first
const FEW_LAYERS = 12;
const MAP_HEIGHT = 34;

export class Camera {
  constructor() {
    [this.x, this.y, this.zoom] = [0, 0, 1];
  }

  // The zoom at which a model fills a view of so many pixels.
  static fitting(model, width, height) {
    const [left, top, right, bottom] = model.bounds;
    const across = width - MARGIN - rightOf(model);
    const zoom = Math.min(across / (right - left), (height - 2 * MARGIN) / (bottom - top));
    return Math.max(Math.min(zoom, 3), 1e-4);
  }

  fit(model, width, height) {
    const [left, top, right, bottom] = model.bounds;
    this.zoom = Camera.fitting(model, width, height);
    this.x = (left + right) / 2 + (rightOf(model) - MARGIN) / 2 / this.zoom;
    this.y = (top + bottom) / 2 - 8 / this.zoom;
  }

  // The first look: all of a network, or its left end where it is long.
  enter(model, width, height) {
    this.fit(model, width, height);
    const mean = model.units.reduce((sum, unit) => sum + unit.box[2], 0) / model.units.length;
    if (mean * this.zoom >= LEAST_WIDTH || model.units.length <= FEW_LAYERS) return;
    const [left, top, right, bottom] = model.bounds;
    const tall = (height - 2 * MARGIN - MAP_HEIGHT) / (bottom - top);
    this.zoom = Math.max(this.zoom, Math.min(tall, 2 * (LEAST_WIDTH / mean)));
    this.x = Math.min(left + (width / 2 - MARGIN) / this.zoom, (left + right) / 2);
  }

  zoomBy(factor, [x, y], width, height, least) {
    const [dx, dy] = [x - width / 2, y - height / 2];
    const zoom = Math.min(MAX_ZOOM, Math.max(Math.min(least, this.zoom), this.zoom * factor));
    this.x += dx / this.zoom - dx / zoom;
    this.y += dy / this.zoom - dy / zoom;
    this.zoom = zoom;
  }

  get state() {
    return { x: this.x, y: this.y, zoom: this.zoom };
  }
}

const rightOf = (model) => (model.units.some((unit) => unit.role === "output" && unit.names.length) ? NAME_MARGIN : MARGIN);

// The place of the small map at the lower edge of a view.
export function mapPlaceOf(bounds, width, height) {
  const [across, down] = [bounds[2] - bounds[0], bounds[3] - bounds[1]];
  const scale = Math.min((width - 32) / across, MAP_HEIGHT / down);
  return { left: (width - across * scale) / 2, top: height - down * scale - 12, width: across * scale, height: down * scale, scale, bounds };
}
