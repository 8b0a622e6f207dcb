// The key of the colours, which also takes categories and ranges off the map, and the card of facts about a point.

const PICTURE = 72; // px of the picture on the card

// Buttons for categories, or a ramp with a range to keep; `onChange` is told the codes that are hidden and the range.
class Legend {
  constructor(root, onChange) {
    this.root = root;
    this.onChange = onChange;
    this.key = null;
  }

  update(colours) {
    this.hidden = new Set(colours.hidden);
    this.range = colours.range ?? [0, colours.palette.length - 1];
    const key = JSON.stringify([colours.title, colours.categories, colours.ticks, colours.palette]);
    if (key === this.key) return this.show();
    this.key = key;
    this.colours = colours;
    const title = element("span", "title", colours.title);
    this.root.replaceChildren(title, ...(colours.categories ? this.buttons() : [this.ramp()]));
    this.show();
  }

  buttons() {
    return this.colours.categories.map((name, code) => {
      const button = element("button", "", name);
      button.type = "button";
      button.title = "Click: show or hide. Double click: show this one alone, or all.";
      const dot = element("i");
      dot.style.background = this.colours.palette[code];
      button.prepend(dot);
      button.addEventListener("click", () => this.toggle(code));
      button.addEventListener("dblclick", () => this.single(code));
      return button;
    });
  }

  toggle(code) {
    if (!this.hidden.delete(code)) this.hidden.add(code);
    this.changed();
  }

  single(code) {
    const others = this.colours.categories.map((_, i) => i).filter((i) => i !== code);
    const isAlone = others.every((i) => this.hidden.has(i));
    this.hidden = new Set(isAlone ? [] : others);
    this.changed();
  }

  ramp() {
    const box = element("div", "ramp");
    const colours = element("div", "colours");
    colours.style.backgroundImage = `linear-gradient(90deg, ${this.colours.palette.join(",")})`;
    this.veils = [element("span"), element("span")];
    colours.append(...this.veils);
    const ticks = element("div", "ticks");
    this.colours.ticks.forEach(([share, text]) => {
      const tick = element("span", share < 0.06 ? "first" : share > 0.94 ? "last" : "", text);
      tick.style.left = `${100 * share}%`;
      ticks.append(tick);
    });
    const ends = element("div", "ends");
    const last = this.colours.palette.length - 1;
    this.sliders = ["Lowest", "Highest"].map((name, i) => {
      const slider = element("input");
      Object.assign(slider, { type: "range", min: 0, max: last, step: 1 });
      slider.setAttribute("aria-label", `${name} ${this.colours.title} shown`);
      slider.addEventListener("input", () => this.setEnd(i, Number(slider.value)));
      slider.addEventListener("change", () => this.changed());
      return slider;
    });
    ends.append(...this.sliders);
    box.append(colours, ticks, ends);
    return box;
  }

  setEnd(i, value) {
    this.range[i] = i ? Math.max(value, this.range[0]) : Math.min(value, this.range[1]);
    this.show();
    this.onChange(this.state(), false);
  }

  changed() {
    this.show();
    this.onChange(this.state(), true);
  }

  state() {
    const last = this.colours.palette.length - 1;
    const isWhole = this.range[0] === 0 && this.range[1] === last;
    return { title: this.colours.title, hidden: [...this.hidden], range: isWhole ? null : [...this.range] };
  }

  show() {
    if (this.colours.categories) {
      this.root.querySelectorAll("button").forEach((button, i) => {
        button.setAttribute("aria-pressed", String(!this.hidden.has(i)));
      });
      return;
    }
    const last = this.colours.palette.length - 1;
    const [low, high] = this.range.map((code) => (100 * code) / last);
    Object.assign(this.veils[0].style, { left: 0, width: `${low}%` });
    Object.assign(this.veils[1].style, { left: `${high}%`, right: 0 });
    this.sliders.forEach((slider, i) => {
      slider.value = this.range[i];
      slider.setAttribute("aria-valuetext", this.textAt(this.range[i] / last));
    });
  }

  // The number at a place of the ramp, roughly: that of the nearest tick.
  textAt(share) {
    const away = (tick) => Math.abs(tick[0] - share);
    return this.colours.ticks.reduce((best, tick) => (away(tick) < away(best) ? tick : best))[1];
  }
}

// What is known of a point, beside it.
class Card {
  constructor(root, live) {
    this.root = root;
    this.live = live;
    this.row = -1;
  }

  show(row, [x, y], data, sheet, isSaid) {
    const stage = this.root.parentElement;
    if (row !== this.row) this.fill(row, data, sheet);
    this.root.hidden = false;
    const { width, height } = this.root.getBoundingClientRect();
    const left = x + 16 + width > stage.clientWidth ? x - 16 - width : x + 16;
    const top = Math.min(Math.max(4, y - height / 2), stage.clientHeight - height - 4);
    this.root.style.transform = `translate(${Math.max(4, left)}px, ${top}px)`;
    if (isSaid) this.live.textContent = this.text;
  }

  fill(row, data, sheet) {
    this.row = row;
    const facts = data.facts.map((fact) => [fact.title, factText(fact, row)]).filter(([, text]) => text !== "");
    this.root.querySelector("b").textContent = data.ids[row];
    const lines = facts.flatMap(([title, text]) => [element("dt", "", title), element("dd", "", text)]);
    this.root.querySelector("dl").replaceChildren(...lines);
    this.text = [data.ids[row], ...facts.map(([title, text]) => `${title} ${text}`)].join(", ");
    const canvas = this.root.querySelector(".picture");
    const place = sheet?.placeOf(row);
    canvas.hidden = !place;
    if (!place) return;
    [canvas.width, canvas.height] = [place.width, place.height];
    canvas.style.height = `${(PICTURE * place.height) / place.width}px`;
    sheet.paint(canvas.getContext("2d"), row, 0, 0, place.width, place.height);
  }

  hide() {
    this.root.hidden = true;
    this.row = -1;
  }
}

function factText(fact, row) {
  if (fact.names) return fact.values[row] === fact.names.length ? "" : fact.names[fact.values[row]];
  const value = fact.values[row];
  if (!Number.isFinite(value)) return "";
  if (fact.percent) return `${(100 * value).toFixed(1)}\u2009%`;
  return fact.whole ? value.toLocaleString("en") : String(Number(value.toPrecision(3)));
}

function element(name, className = "", text = "") {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(text);
  return made;
}
