// The card of what is selected: its numbers, its path to copy, its strongest edges to walk along.

import { inDigits, inWords, signed } from "./colour.js";

const ROWS = 5;

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
  const facts = [model.arrays.has_bias[item] ? `bias ${signed(model.arrays.bias[item])}` : "no bias"];
  facts.push(`fan-in norm ${inDigits(model.arrays.fan_in[item])}`);
  if (view.activations) facts.push(`activation ${signed(view.activations.values[item])}`);
  box.append(element("p", "facts", facts.join(" · ")));
  const path = model.biasPathOf(item);
  if (path) box.append(copyable(path));
  const { in: into, out } = view.neighboursOf(item);
  box.append(edgeList("Strongest incoming", into, view), edgeList("Strongest outgoing", out, view));
  if (!into.length && !out.length) box.append(element("p", "facts", "Open the layers beside it to see its edges."));
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
  if (unit.glance) box.append(histogram(unit.glance), element("p", "facts", `|w| from 0 to ${inDigits(unit.glance.largest)}`));
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

function histogram({ counts, largest }) {
  const box = element("div", "histogram");
  const most = Math.log1p(Math.max(...counts));
  counts.forEach((count, i) => {
    const bar = element("span");
    bar.style.height = `${(100 * Math.log1p(count)) / most}%`;
    bar.title = `about ${inDigits(((i + 0.5) * largest) / counts.length)}: ${inWords(count)}`;
    box.append(bar);
  });
  box.setAttribute("role", "img");
  box.setAttribute("aria-label", `Histogram of |w| with logarithmic counts, up to ${inDigits(largest)}`);
  return box;
}

function copyable(path) {
  const row = element("div", "path");
  row.append(element("code", "", path));
  const copy = button("Copy", async () => {
    try {
      await navigator.clipboard.writeText(path);
    } catch {
      const range = document.createRange();
      range.selectNodeContents(row.querySelector("code"));
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      copy.textContent = "Press Ctrl+C";
      return;
    }
    copy.textContent = "Copied";
  });
  row.append(copy);
  return row;
}

export function element(name, className = "", text = "") {
  const found = document.createElement(name);
  found.className = className;
  found.textContent = text; // names come from strangers
  return found;
}

export function button(text, act) {
  const found = element("button", "", text);
  found.type = "button";
  found.onclick = act;
  return found;
}
