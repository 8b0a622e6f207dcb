// The card of what is selected: its numbers, its path to copy, its strongest edges to walk along.

import { inDigits, inWords, signed } from "./colour.js";
import { button, copyable, element } from "./elements.js";
import { kernelGrid } from "./kernels.js";

const ROWS = 5;
const SIZES = ["fan_in", "change"]; // numbers that have no sign

export function fillCard(box, view) {
  box.replaceChildren();
  const { selection, model } = view;
  box.hidden = !selection;
  if (!selection) return;
  const isNeuron = selection.item !== null;
  const head = element("div", "head");
  head.append(element("strong", "", isNeuron ? model.nameOf(selection.item) : model.units[selection.unit].name));
  const close = button("×", () => view.select(null));
  close.setAttribute("aria-label", "Close the card");
  head.append(close);
  box.append(head);
  if (isNeuron) neuronCard(box, view, selection.item);
  else unitCard(box, view, selection.unit);
}

function neuronCard(box, view, item) {
  const { model } = view;
  box.append(element("p", "facts", numbersInWords(view, item).join(" · ")));
  const path = model.biasPathOf(item);
  if (path) box.append(copyable(path));
  const { in: into, out } = view.neighboursOf(item);
  const { kernels } = view.extras;
  const hasKernels = kernels?.node === model.nodeOf(item);
  if (hasKernels) box.append(kernelGrid(kernels, view));
  const listed = hasKernels ? into.filter(({ part }) => part.block.area === 1) : into; // the others are pictures
  box.append(edgeList("Strongest incoming", listed, view), edgeList("Strongest outgoing", out, view));
  if (!into.length && !out.length) box.append(element("p", "facts", "Open the layers beside it to see its edges."));
}

// All that is known of a neuron, each number with its name.
export function numbersInWords(view, item) {
  const { arrays } = view.model;
  const found = [];
  for (const [name, title, unit = ""] of view.data.words.colours) {
    const numbers = view.numbersOf(name);
    if (!numbers) continue;
    if (name === "bias" && !arrays.has_bias[item]) found.push("no bias");
    else found.push(`${title} ${SIZES.includes(name) ? inDigits(numbers[item]) : signed(numbers[item])} ${unit}`.trim());
  }
  return found;
}

function edgeList(title, edges, view) {
  const part = document.createDocumentFragment();
  if (!edges.length) return part;
  part.append(element("h4", "", title));
  for (const { edge, part: own, other, value } of edges.slice(0, ROWS)) {
    const row = button(`${view.model.nameOf(other)}  ${own.isWeight ? signed(value) : "no weight"}`, () => view.walkTo(other));
    row.className = "walk";
    row.title = view.model.pathOf(own, edge);
    part.append(row);
  }
  return part;
}

function unitCard(box, view, number) {
  const unit = view.model.units[number];
  const facts = [unit.kind, `${inWords(unit.size)} neurons`, unit.activation].filter(Boolean);
  box.append(element("p", "facts", facts.join(" · ")));
  unit.tensors.forEach((name) => box.append(copyable(name)));
  const { size } = view.data.words;
  if (unit.glance) box.append(histogram(unit.glance, size), element("p", "facts", `${size} from 0 to ${inDigits(unit.glance.largest)}`));
  const links = view.model.links.filter(({ source, target }) => source !== target);
  box.append(linkList("Reads", links.filter((link) => link.target === number).map((link) => link.source), view));
  box.append(linkList("Read by", links.filter((link) => link.source === number).map((link) => link.target), view));
  const toggle = button(view.open.has(number) ? "Close layer" : "Open layer", () => view.toggle(number));
  toggle.className = "toggle";
  box.append(toggle);
}

function linkList(title, numbers, view) {
  const part = document.createDocumentFragment();
  if (numbers.length) part.append(element("h4", "", title));
  for (const number of numbers.slice(0, ROWS)) {
    const row = button(view.model.units[number].name, () => view.visit(number));
    row.className = "walk";
    part.append(row);
  }
  if (numbers.length > ROWS) part.append(element("p", "facts", `and ${numbers.length - ROWS} more`));
  return part;
}

function histogram({ counts, largest }, size) {
  const box = element("div", "histogram");
  const most = Math.log1p(Math.max(...counts));
  counts.forEach((count, i) => {
    const bar = element("span");
    bar.style.height = `${(100 * Math.log1p(count)) / most}%`;
    bar.title = `about ${inDigits(((i + 0.5) * largest) / counts.length)}: ${inWords(count)}`;
    box.append(bar);
  });
  box.setAttribute("role", "img");
  box.setAttribute("aria-label", `Histogram of ${size} with logarithmic counts, up to ${inDigits(largest)}`);
  return box;
}
