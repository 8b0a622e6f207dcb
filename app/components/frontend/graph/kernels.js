// The kernels that lead into a channel as small pictures in one scale, each with its path and the way to its source.

import { cssOf, divergingOf, inDigits, signed } from "./colour.js";
import { button, copyable, element } from "./elements.js";

const PIXELS = 4; // of a picture for an entry of a kernel, before it is sized by the page

export function kernelGrid(kernels, view) {
  const box = element("section", "kernels");
  const { rows, height, width, limit, count } = kernels;
  const title = count > rows.length ? `Incoming kernels, the strongest ${rows.length} of ${count}` : "Incoming kernels";
  box.append(element("h4", "", title));
  const grid = element("div", "grid");
  const about = element("div", "about");
  const pictures = rows.map((row, i) => {
    const one = button("", () => choose(i));
    one.append(pictureOf(kernels.values.subarray(i * height * width, (i + 1) * height * width), kernels, view));
    one.setAttribute("aria-label", `${row.path}, ${view.data.words.edge} norm ${inDigits(row.norm)}`);
    one.title = row.path;
    return one;
  });
  const choose = (number) => {
    pictures.forEach((one, i) => one.setAttribute("aria-pressed", i === number));
    const row = rows[number];
    const other = view.model.itemOf(row.source);
    const walk = button(`← ${view.model.nameOf(other)}  ${signed(row.norm)}`, () => view.walkTo(other));
    walk.className = "walk";
    about.replaceChildren(copyable(row.path), walk);
  };
  grid.append(...pictures);
  box.append(grid, scaleOf(limit, view), about);
  if (rows.length) choose(0);
  return box;
}

function pictureOf(values, { height, width, limit }, view) {
  const canvas = Object.assign(document.createElement("canvas"), { width: width * PIXELS, height: height * PIXELS });
  const context = canvas.getContext("2d");
  values.forEach((value, i) => {
    context.fillStyle = cssOf(divergingOf(value, limit, view.colours));
    context.fillRect((i % width) * PIXELS, Math.floor(i / width) * PIXELS, PIXELS, PIXELS);
  });
  return canvas;
}

function scaleOf(limit, view) {
  const { negative, zero, positive } = view.colours;
  const row = element("p", "ramp");
  const bar = element("i");
  bar.style.background = `linear-gradient(90deg, ${[negative, zero, positive].map((colour) => cssOf(colour)).join(", ")})`;
  row.append(`${view.data.words.edge} −${inDigits(limit)}`, bar, `+${inDigits(limit)}`);
  return row;
}
