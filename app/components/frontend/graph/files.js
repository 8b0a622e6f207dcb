// The drawing as a file: PNG of what is seen at twice its size, SVG of the same view.

import { cssOf } from "./colour.js";
import { countOf } from "./painter.js";

const MAX_SVG_EDGES = 20_000;

export function savePng(view) {
  const [width, height] = [view.canvas.width, view.canvas.height];
  const sheet = Object.assign(document.createElement("canvas"), { width, height });
  const context = sheet.getContext("2d");
  context.fillStyle = cssOf(view.colours.background);
  context.fillRect(0, 0, width, height);
  context.drawImage(view.canvas, 0, 0);
  context.drawImage(view.overlay.canvas, 0, 0);
  sheet.toBlob((blob) => save(blob, `${view.fileName}.png`), "image/png");
}

export function saveSvg(view) {
  save(new Blob([svgOf(view)], { type: "image/svg+xml" }), `${view.fileName}.svg`);
}

export function save(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

// All that is drawn as shapes in pixels of the view: lines, weakest first, then discs.
export function* shapesOf(view, plan) {
  const lines = [];
  for (const { part, count } of plan) {
    const limit = view.isByLayer ? part.limit : view.model.limit;
    for (let edge = part.first; edge < part.first + count; edge++) {
      const value = view.model.weightOf(edge);
      const share = part.isWeight ? Math.min(Math.abs(value) / limit, 1) : 0.3;
      const [source, target] = view.model.endsOf(part, edge).map((item) => view.toScreen(...view.model.place(item, view.places)));
      const way = view.wayOf(part).map((point) => view.toScreen(...point));
      const colour = !part.isWeight ? view.colours.muted : value < 0 ? view.colours.negative : view.colours.positive;
      lines.push({ points: [source, ...way, target], colour: cssOf(colour), width: 0.4 + 2.8 * share, alpha: 0.15 + 0.8 * share, share });
    }
  }
  yield* lines.sort((a, b) => a.share - b.share);
  for (const number of view.open) {
    const unit = view.model.units[number];
    const radius = Math.max(view.radiusOf(unit) * view.camera.zoom, 1);
    for (let item = unit.first; item < unit.first + unit.items; item++) {
      const [x, y] = view.toScreen(...view.model.place(item, view.places));
      yield { disc: [x, y, radius], colour: cssOf(view.colourOf(item, number)) };
    }
  }
}

export function svgOf(view) {
  const plan = view.plan();
  if (countOf(plan) > MAX_SVG_EDGES) {
    view.say(`An SVG holds at most ${MAX_SVG_EDGES.toLocaleString("en-US")} edges: draw fewer, or save a PNG.`);
    throw new RangeError("too many edges for an SVG");
  }
  const space = "http://www.w3.org/2000/svg";
  const make = (name, attributes, text = "") => {
    const found = document.createElementNS(space, name);
    for (const [key, value] of Object.entries(attributes)) found.setAttribute(key, value);
    found.textContent = text;
    return found;
  };
  const size = { width: view.width0, height: view.height0 };
  const root = make("svg", { xmlns: space, viewBox: `0 0 ${size.width} ${size.height}`, ...size, "font-family": "sans-serif" });
  root.append(make("rect", { ...size, fill: cssOf(view.colours.background) }));
  for (const shape of shapesOf(view, plan)) {
    if (shape.disc) {
      const [cx, cy, r] = shape.disc.map((value) => value.toFixed(1));
      root.append(make("circle", { cx, cy, r, fill: shape.colour, stroke: cssOf(view.colours.muted), "stroke-width": 0.6 }));
      continue;
    }
    const points = shape.points.map((point) => point.map((value) => value.toFixed(1)).join(",")).join(" ");
    const pen = { stroke: shape.colour, "stroke-width": shape.width.toFixed(2), opacity: shape.alpha.toFixed(2), fill: "none" };
    root.append(make("polyline", { points, ...pen }));
  }
  view.model.units.forEach((unit) => {
    const [x, y] = view.toScreen(unit.box[0], unit.box[1] - unit.box[3] / 2);
    root.append(make("text", { x: x.toFixed(1), y: (y - 8).toFixed(1), "text-anchor": "middle", "font-size": 12, fill: cssOf(view.colours.text) }, `${unit.name} · ${unit.size}`));
  });
  return new XMLSerializer().serializeToString(root);
}
