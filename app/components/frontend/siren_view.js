// Draws SIRENs for every pixel of a canvas from their weights; see app/siren_texels.py for how these are packed.

const TEXTURE_WIDTH = 256; // texels
const MAX_ZOOM = 1e6; // far beyond the finest wave of any SIREN: what is left there is one flat shade
const BUTTON_FACTOR = 1.5;
const ARROW_STEP = 0.12; // of the smaller side of a picture
const SWIPE_STEP = 0.02;
const GAP = 8; // px between pictures
const NARROW = 520; // px; below, the difference goes into a second row
const MAX_HEIGHT = 520; // px
const PHONE = 640; // px of the window; below, a picture with a divider leaves room for the controls below it
const PHONE_HEIGHT = 260; // px of that picture
const THUMBNAIL = 48; // pixels of the pictures at other strengths
const FRAME_MS = 40; // what takes longer is drawn coarsely first
const BAND_MS = 80; // and then finely, band by band
const PAUSE_MS = 120; // without movement before that
const OVERHEAD_MS = 5; // of timing anything
const EMIT_MS = 300;
const [BEFORE, AFTER, DIFFERENCE] = [0, 1, 2];

const views = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  if (!views.has(parentElement)) views.set(parentElement, new View(parentElement.querySelector(".siren-view")));
  const view = views.get(parentElement);
  view.emit = (value, count) => setTriggerValue("strength", { fingerprint: data.fingerprint, value, count });
  view.update(data);
  return () => {
    views.delete(parentElement);
    view.destroy();
  };
}

// Shaders -------------------------------------------------------------------------------------------------------------

const VERTEX = `#version 300 es
void main() {
  gl_Position = vec4(vec2(gl_VertexID == 1 ? 3 : -1, gl_VertexID == 2 ? 3 : -1), 0, 1);
}`;

function fragmentSource({ sizes, frequencies, offset }) {
  const groups = sizes.map((size) => Math.ceil(size / 4));
  const layers = groups.slice(1).map((outs, i) => `
  vec4 h${i + 1}[${outs}];
  for (int g = 0; g < ${outs}; g++) {
    vec4 sum = texel(weights, at++);
    for (int k = 0; k < ${groups[i]}; k++, at += 4) {
      sum += mat4(
        texel(weights, at), texel(weights, at + 1), texel(weights, at + 2), texel(weights, at + 3)
      ) * h${i}[k];
    }
    h${i + 1}[g] = ${i < frequencies.length ? `wave(${decimal(frequencies[i])} * sum)` : "sum"};
  }`);
  const last = `h${layers.length}[0]`;
  return `#version 300 es
precision highp float;
precision highp int;
uniform highp sampler2D before, after;
uniform int shown;                      // 0 before, 1 after, 2 their difference
uniform bool raw;                       // numbers instead of colours
uniform vec2 origin, pixel;             // the coordinates of fragment 0, and how far it is to the next
uniform float extent, cell, grid, limit; // half the picture, a pixel of the fitted image, opacity of the grid
uniform vec3 negative, zero, positive, accent, background;
out vec4 colour;

vec4 texel(highp sampler2D weights, int i) {
  return texelFetch(weights, ivec2(i % ${TEXTURE_WIDTH}, i / ${TEXTURE_WIDTH}), 0);
}

// The sine of any phase: graphics processors may err by 5e-4 and more, this errs by 2e-7. The phase is brought into
// [-pi/2, pi/2] with pi in two parts, which keeps the remainder exact; then comes a polynomial.
vec4 wave(vec4 phase) {
  vec4 halves = round(phase * 0.3183098861837907);
  vec4 x = (phase - halves * 3.140625) - halves * 0.0009676535897932;
  vec4 z = x * x;
  vec4 sine = (((2.60510763e-6 * z - 1.98090174e-4) * z + 8.33305017e-3) * z - 0.166666579) * z + 0.999999996;
  return sine * x * (1.0 - 2.0 * (halves - 2.0 * floor(0.5 * halves)));
}

vec3 siren(highp sampler2D weights, vec2 point) {
  int at = 0;
  vec4 h0[1];
  h0[0] = vec4(point, 0, 0);${layers.join("")}
  return ${sizes.at(-1) === 3 ? `${last}.xyz` : `${last}.xxx`} + ${decimal(offset)};
}

void main() {
  vec2 point = origin + pixel * gl_FragCoord.xy;
  vec3 value = vec3(0);
  if (shown != 0) value = siren(after, point);
  if (shown != 1) value = siren(before, point) * (shown == 0 ? 1.0 : -1.0) + value;
  if (raw) {
    colour = vec4(value, 1);
    return;
  }
  if (shown == 2) {
    float share = clamp(dot(value, vec3(1.0 / 3.0)) / limit, -1.0, 1.0);
    value = mix(zero, share < 0.0 ? negative : positive, abs(share));
  }
  value = clamp(value, 0.0, 1.0);
  vec2 border = abs(fract((point + extent) / cell + 0.5) - 0.5) * cell / abs(pixel.x);
  value = mix(value, accent, grid * clamp(1.0 - min(border.x, border.y), 0.0, 1.0));
  float outside = step(extent, max(abs(point.x), abs(point.y)));
  colour = vec4(mix(value, background, 0.8 * outside), 1);
}`;
}

function decimal(number) {
  const text = String(number);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

function buildProgram(gl, architecture) {
  const program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, fragmentSource(architecture)]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
    gl.deleteShader(shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) return null;
  const count = gl.getProgramParameter(program, gl.ACTIVE_UNIFORMS);
  const names = Array.from({ length: count }, (_, i) => gl.getActiveUniform(program, i).name);
  return { program, at: Object.fromEntries(names.map((name) => [name, gl.getUniformLocation(program, name)])) };
}

function buildTexture(gl) {
  const texture = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, texture);
  for (const side of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, side, gl.NEAREST);
  for (const axis of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, axis, gl.CLAMP_TO_EDGE);
  return texture;
}

function fillTexture(gl, texture, numbers) {
  const height = Math.ceil(numbers.length / 4 / TEXTURE_WIDTH);
  const padded = new Float32Array(height * TEXTURE_WIDTH * 4);
  padded.set(numbers);
  gl.bindTexture(gl.TEXTURE_2D, texture);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA32F, TEXTURE_WIDTH, height, 0, gl.RGBA, gl.FLOAT, padded);
}

// Small helpers -------------------------------------------------------------------------------------------------------

const clamp = (number, low, high) => Math.min(high, Math.max(low, number));
const after = (ms) => new Promise((done) => setTimeout(done, ms));
const nextFrame = () => new Promise((done) => requestAnimationFrame(done));
const isSame = (a, b) => JSON.stringify(a) === JSON.stringify(b);

function numbersOf(text) {
  return new Float32Array(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
}

function rgb(hex) {
  return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255);
}

// The view ------------------------------------------------------------------------------------------------------------

class View {
  constructor(root) {
    this.root = root;
    const find = (selector) => root.querySelector(selector);
    [this.stage, this.canvas, this.names, this.divider] = [".stage", "canvas", ".names", ".divider"].map(find);
    [this.slider, this.output, this.scale] = [".strength input", ".strength output", ".scale"].map(find);
    this.strip = find(".strip");
    this.centre = [0, 0];
    this.zoom = 1;
    this.swipe = 0.5;
    this.layout = "side";
    this.hasGrid = false;
    this.strength = null;
    this.isSetting = false; // whether Python is still to be told the strength
    this.count = 0; // how often it was told one
    this.cost = null; // milliseconds for a million evaluations
    this.pointers = new Map();
    this.listen();
    this.resizes = new ResizeObserver(() => this.arrange());
    this.resizes.observe(root);
    this.sights = new IntersectionObserver((entries) => {
      this.isSeen = entries.at(-1).isIntersecting; // what is not on the screen is not drawn
      if (this.isSeen && this.isStale) this.invalidate();
    });
    this.sights.observe(this.stage);
    const options = { antialias: false, depth: false, alpha: false, preserveDrawingBuffer: true };
    this.gl = this.canvas.getContext("webgl2", options);
    this.canvas.ngcoreReadback = (side, shown) => this.readBack(side, shown);
  }

  // Take over what Python sends; called at the start and whenever it changes.
  update(data) {
    const old = this.data;
    this.data = data;
    this.isPair = data.strengths.length > 0;
    if (!old) this.choose(data.layout);
    this.extent = data.pixels / (data.pixels - 1); // outer borders of the outermost pixels, whose centres are at ±1
    if (!old || !isSame(old.networks, data.networks)) {
      this.weights = data.networks.map(numbersOf);
      if (!old || old.networks[0] !== data.networks[0]) this.fit();
    }
    this.takeStrength(old);
    this.describe();
    const canDraw = this.prepare(old);
    for (const part of [".bar", ".stage"]) this.root.querySelector(part).hidden = !canDraw;
    this.root.querySelector(".stills").hidden = canDraw;
    if (!canDraw) return this.showStills();
    this.showStrength();
    if (!old || !isSame(old.networks, data.networks) || !isSame(old.strip, data.strip)) this.drawStrip();
    this.arrange();
  }

  // The strength of Python, unless it has not heard yet of the one that was set here.
  takeStrength(old) {
    const { fingerprint, strength, heard } = this.data;
    if (old?.fingerprint !== fingerprint) {
      clearTimeout(this.emission);
      this.isSetting = false;
      this.count = heard;
    }
    if (!this.isSetting && this.count <= heard) this.strength = strength;
  }

  // Words and controls for one network or for two.
  describe() {
    const side = this.data.pixels;
    this.root.querySelector(".layouts").hidden = !this.isPair;
    const { label, most } = this.data;
    this.root.querySelector(".strength").hidden = !label;
    this.root.querySelector(".strength-name").textContent = label ?? "";
    this.slider.max = most;
    this.slider.setAttribute("aria-label", label ?? "");
    this.root.querySelector("[data-do=grid]").title = `Borders of the ${side} × ${side} pixels`;
    const [first, last] = this.data.names.map((name) => name.toLowerCase());
    this.divider.setAttribute("aria-label", `Divider between ${first} and ${last}`);
    const what = this.isPair ? `The pictures ${first} and ${last} and their difference` : "The picture of this network";
    this.canvas.setAttribute(
      "aria-label", `${what}. Zoom with the wheel or the keys plus and minus, move with the arrows, f shows all.`,
    );
  }

  // The shader of the architecture and the textures of the weights; false where there is no WebGL 2.
  prepare(old) {
    const gl = this.gl;
    if (!gl) return false;
    const isOther = !old || ["sizes", "frequencies", "offset"].some((name) => !isSame(old[name], this.data[name]));
    if (isOther || !this.shader) {
      if (this.shader) gl.deleteProgram(this.shader.program);
      this.shader = buildProgram(gl, this.data);
      this.cost = null;
    }
    if (!this.shader) return gl.isContextLost(); // a lost context comes back
    this.textures ??= [buildTexture(gl), buildTexture(gl)];
    fillTexture(gl, this.textures[BEFORE], this.weights[0]);
    this.mix();
    return true;
  }

  // Without a shader: pictures that were computed on the server.
  showStills() {
    const box = this.root.querySelector(".stills");
    this.strip.hidden = true;
    box.querySelectorAll("img").forEach((image) => image.remove());
    this.data.stills.forEach((still, i) => {
      const image = document.createElement("img");
      image.src = `data:image/png;base64,${still}`;
      image.alt = this.isPair ? this.data.names[i] : "The picture of this network";
      box.append(image);
    });
  }

  // The weights of "after" at a strength: between the two known ones about it, or straight on beyond the last.
  mix(strength = this.strength) {
    const [before, ...known] = this.weights;
    if (!this.isPair) return fillTexture(this.gl, this.textures[AFTER], before);
    const strengths = this.data.strengths;
    const place = clamp(strengths.findIndex((own) => own > strength), 1, strengths.length - 1);
    const at = strengths.at(-1) <= strength ? strengths.length - 1 : place;
    const [low, high] = [strengths[at - 1], strengths[at]];
    const share = (strength - low) / (high - low);
    const [first, last] = [known[at - 1], known[at]];
    fillTexture(this.gl, this.textures[AFTER], first.map((value, i) => (1 - share) * value + share * last[i]));
  }

  // Small pictures of "after" at a few strengths, to be chosen from.
  drawStrip() {
    const canDraw = this.gl.getExtension("EXT_color_buffer_float") !== null;
    this.strip.hidden = !this.data.label || !canDraw || this.data.strip.length === 0;
    if (this.strip.hidden) return this.strip.replaceChildren();
    this.strip.replaceChildren(...this.data.strip.map(([strength, name]) => {
      const button = document.createElement("button");
      button.type = "button";
      button.setAttribute("aria-label", `Strength ${name}`);
      const picture = document.createElement("canvas");
      picture.width = picture.height = THUMBNAIL;
      this.mix(strength);
      const numbers = this.readBack(THUMBNAIL, "after");
      const pixels = new ImageData(THUMBNAIL, THUMBNAIL);
      for (let i = 0; i < THUMBNAIL * THUMBNAIL; i++) {
        for (let c = 0; c < 3; c++) pixels.data[4 * i + c] = 255 * clamp(numbers[3 * i + c], 0, 1);
        pixels.data[4 * i + 3] = 255;
      }
      picture.getContext("2d").putImageData(pixels, 0, 0);
      const text = document.createElement("span");
      text.textContent = name;
      button.append(picture, text);
      button.onclick = () => {
        this.setStrength(strength);
        this.announce(0);
      };
      button.dataset.strength = strength;
      return button;
    }));
    this.mix();
    this.showStrength();
  }

  // Tell the page about the strength, once it stays.
  announce(delay = EMIT_MS) {
    clearTimeout(this.emission);
    this.emission = setTimeout(() => {
      this.isSetting = false;
      this.count = 1 + Math.max(this.count, this.data.heard);
      this.emit(this.strength, this.count);
    }, delay);
  }

  setStrength(strength) {
    this.strength = strength;
    this.isSetting = true;
    this.mix();
    this.showStrength();
    this.invalidate();
  }

  showStrength() {
    this.slider.value = this.strength;
    this.output.textContent = this.strength.toFixed(2);
    this.nameAfter = this.data.names[AFTER];
    for (const button of this.strip.children) {
      button.setAttribute("aria-pressed", Number(button.dataset.strength) === this.strength);
    }
    for (const name of this.names.children) if (name.dataset.shown === String(AFTER)) name.textContent = this.nameAfter;
  }

  destroy() {
    clearTimeout(this.emission);
    this.resizes.disconnect();
    this.sights.disconnect();
    this.isGone = true;
    this.gl?.getExtension("WEBGL_lose_context")?.loseContext();
  }

  // Geometry ----------------------------------------------------------------------------------------------------------

  // Size of the canvas and places of the pictures, in px of the page.
  arrange() {
    if (!this.gl || !this.data) return;
    const isFull = this.root.getRootNode().fullscreenElement === this.root;
    const hasThree = this.isPair && this.layout === "side";
    const isNarrow = this.root.clientWidth < NARROW;
    const alone = window.innerWidth < PHONE && this.isPair ? PHONE_HEIGHT : MAX_HEIGHT;
    const most = hasThree ? (isNarrow ? NARROW : 3 * MAX_HEIGHT + 2 * GAP) : alone;
    this.stage.style.maxWidth = isFull ? "" : `${most}px`;
    this.stage.style.height = "";
    const width = this.stage.clientWidth;
    if (!width) return;
    const columns = hasThree ? (isNarrow ? 2 : 3) : 1;
    const rows = hasThree && isNarrow ? 2 : 1;
    const wide = (width - (columns - 1) * GAP) / columns;
    const high = isFull ? (this.stage.clientHeight - (rows - 1) * GAP) / rows : wide;
    const height = rows * high + (rows - 1) * GAP;
    if (!isFull) this.stage.style.height = `${height}px`;
    const place = (shown, column, row, span = 1) => ({
      shown, x: column * (wide + GAP), y: row * (high + GAP), width: span * wide + (span - 1) * GAP, height: high,
    });
    this.places = hasThree
      ? [place(BEFORE, 0, 0), place(AFTER, 1, 0), isNarrow ? place(DIFFERENCE, 0, 1, 2) : place(DIFFERENCE, 2, 0)]
      : [place(BEFORE, 0, 0)];
    const ratio = window.devicePixelRatio || 1;
    const size = [width, height].map((length) => Math.max(1, Math.round(length * ratio)));
    if (this.canvas.width !== size[0]) this.canvas.width = size[0];
    if (this.canvas.height !== size[1]) this.canvas.height = size[1];
    this.placeNames();
    this.placeDivider();
    this.showView();
  }

  placeNames() {
    const isSwipe = this.isPair && this.layout === "swipe";
    const shown = isSwipe ? [BEFORE, AFTER] : this.isPair ? [BEFORE, AFTER, DIFFERENCE] : [];
    const [first, last] = this.data.names;
    const texts = [first, this.nameAfter, `${last} − ${first.toLowerCase()}`];
    this.names.replaceChildren(...shown.map((kind, i) => {
      const name = document.createElement("span");
      name.dataset.shown = kind;
      name.textContent = texts[kind];
      const place = this.places[isSwipe ? 0 : i];
      name.style.top = `${place.y}px`;
      if (isSwipe && kind === AFTER) name.style.right = "0";
      else name.style.left = `${place.x}px`;
      return name;
    }));
  }

  placeDivider() {
    this.divider.hidden = !(this.isPair && this.layout === "swipe");
    this.divider.style.left = `${100 * this.swipe}%`;
    this.divider.setAttribute("aria-valuenow", Math.round(100 * this.swipe));
  }

  // Coordinates of the network for one px of a picture.
  unit(place) {
    return (2 * this.extent) / this.zoom / Math.min(place.width, place.height);
  }

  // The picture under an event, and how far the event is from its middle in px.
  locate(event) {
    const box = this.canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const isIn = (p) => x >= p.x && x <= p.x + p.width && y >= p.y && y <= p.y + p.height;
    const place = this.places.find(isIn) ?? this.places[0];
    return { place, offset: [x - place.x - place.width / 2, y - place.y - place.height / 2] };
  }

  // Zoom so that what lies at an offset from the middle of a picture stays there.
  zoomBy(factor, place = this.places[0], offset = [0, 0]) {
    const old = this.unit(place);
    this.zoom = clamp(this.zoom * factor, 1, MAX_ZOOM);
    const moved = old - this.unit(place);
    this.moveTo(this.centre.map((value, axis) => value + offset[axis] * moved));
  }

  moveTo(centre) {
    const reach = this.extent * (1 - 1 / this.zoom);
    this.centre = centre.map((value) => clamp(value, -reach, reach));
    this.showView();
  }

  fit() {
    this.zoom = 1;
    this.centre = [0, 0];
  }

  showView() {
    const cell = (2 / (this.data.pixels - 1)) / this.unit(this.places[0]);
    const format = (number) => number.toLocaleString("en", { maximumSignificantDigits: 3 });
    this.scale.textContent = `Zoom ×${format(this.zoom)}: one of ${this.data.pixels} pixels is ${format(cell)} px wide`;
    this.canvas.style.touchAction = this.zoom > 1 ? "none" : "pan-y"; // a whole picture lets the page scroll
    this.invalidate();
  }

  // Drawing -----------------------------------------------------------------------------------------------------------

  invalidate() {
    this.isStale = true;
    this.canvas.dataset.state = "drawing";
    this.wake?.();
    if (this.isSeen && !this.isDrawing) this.drawUntilFresh();
  }

  // One drawing at a time: coarse where a fine one takes long, then fine, in bands, until something changes.
  async drawUntilFresh() {
    this.isDrawing = true;
    while (this.isStale && this.isSeen && !this.isGone) {
      await nextFrame();
      this.isStale = false;
      if (this.gl.isContextLost() || !this.shader || !this.places) break;
      const { width, height } = this.canvas;
      const work = this.evaluations();
      const expected = this.cost === null ? Infinity : this.cost * work;
      if (expected > FRAME_MS) {
        const scale = clamp(Math.sqrt(FRAME_MS / expected), 0.12, 1);
        await this.timed(work * scale * scale, () => this.paintCoarsely(scale));
        await Promise.race([after(PAUSE_MS), new Promise((done) => (this.wake = done))]);
      }
      for (let top = 0, bottom; top < height && !this.isStale && !this.isGone; top = bottom) {
        bottom = Math.min(height, top + Math.max(8, Math.ceil((height * BAND_MS) / (this.cost ?? 1) / work)));
        if (this.cost !== null && this.cost * work <= FRAME_MS) bottom = height;
        const share = (bottom - top) / height;
        const band = { width, height, scale: width / this.stage.clientWidth, top, bottom };
        await this.timed(work * share, () => this.paint(band));
      }
    }
    this.isDrawing = false;
    if (!this.isStale) this.canvas.dataset.state = "drawn";
  }

  // How many millions of times a network is evaluated for all pictures.
  evaluations() {
    const weight = (place) => (place.shown === DIFFERENCE ? 2 : 1) * place.width * place.height;
    const ratio = this.canvas.width / this.stage.clientWidth;
    return (this.places.reduce((sum, place) => sum + weight(place), 0) * ratio * ratio) / 1e6;
  }

  // Draw, wait for the graphics processor without holding up the page, and learn how fast it is.
  async timed(work, draw) {
    const gl = this.gl;
    const start = performance.now();
    draw();
    const fence = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
    gl.flush();
    do await after(2); while (!gl.isContextLost() && gl.clientWaitSync(fence, 0, 0) === gl.TIMEOUT_EXPIRED);
    gl.deleteSync(fence);
    const cost = Math.max(0.1, performance.now() - start - OVERHEAD_MS) / work;
    this.cost = this.cost === null ? cost : (this.cost + cost) / 2;
  }

  // At a lower resolution, enlarged smoothly.
  paintCoarsely(scale) {
    const gl = this.gl;
    const { width, height } = this.canvas;
    const [w, h] = [width, height].map((length) => Math.max(1, Math.round(length * scale)));
    const target = this.target(gl.RGBA8, w, h);
    this.paint({ width: w, height: h, scale: w / this.stage.clientWidth, top: 0, bottom: h });
    gl.disable(gl.SCISSOR_TEST);
    gl.bindFramebuffer(gl.READ_FRAMEBUFFER, target.framebuffer);
    gl.bindFramebuffer(gl.DRAW_FRAMEBUFFER, null);
    gl.blitFramebuffer(0, 0, w, h, 0, 0, width, height, gl.COLOR_BUFFER_BIT, gl.LINEAR);
    target.remove();
  }

  // All pictures, from row `top` to row `bottom` of a target that has `scale` pixels for a px of the page.
  paint({ width, height, scale, top, bottom }) {
    const gl = this.gl;
    gl.viewport(0, 0, width, height);
    gl.enable(gl.SCISSOR_TEST);
    gl.scissor(0, height - bottom, width, bottom - top);
    gl.clearColor(...rgb(this.data.colours.background), 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
    this.setUniforms();
    const at = this.shader.at;
    for (const place of this.places) {
      const unit = this.unit(place) / scale;
      const middle = [place.x + place.width / 2, place.y + place.height / 2].map((length) => length * scale);
      const cell = 2 / (this.data.pixels - 1);
      const isLegible = cell / this.unit(place) >= 4;
      gl.uniform2f(at.origin, this.centre[0] - middle[0] * unit, this.centre[1] + (height - middle[1]) * unit);
      gl.uniform2f(at.pixel, unit, -unit);
      gl.uniform1f(at.grid, this.hasGrid && isLegible ? 0.55 : 0);
      for (const [shown, from, to] of this.parts(place)) {
        const [left, right] = [from, to].map((share) => Math.round((place.x + share * place.width) * scale));
        const high = Math.max(top, Math.round(place.y * scale));
        const low = Math.min(bottom, Math.round((place.y + place.height) * scale));
        if (low <= high || right <= left) continue;
        gl.scissor(left, height - low, right - left, low - high);
        gl.uniform1i(at.shown, shown);
        gl.drawArrays(gl.TRIANGLES, 0, 3);
      }
    }
  }

  // What is drawn in a place, with the shares of its width.
  parts(place) {
    const isSwipe = this.isPair && this.layout === "swipe";
    return isSwipe ? [[BEFORE, 0, this.swipe], [AFTER, this.swipe, 1]] : [[place.shown, 0, 1]];
  }

  setUniforms() {
    const gl = this.gl;
    const { program, at } = this.shader;
    gl.useProgram(program);
    this.textures.forEach((texture, i) => {
      gl.activeTexture(gl.TEXTURE0 + i);
      gl.bindTexture(gl.TEXTURE_2D, texture);
    });
    gl.uniform1i(at.before, BEFORE);
    gl.uniform1i(at.after, AFTER);
    gl.uniform1i(at.raw, 0);
    gl.uniform1f(at.extent, this.extent);
    gl.uniform1f(at.cell, 2 / (this.data.pixels - 1));
    gl.uniform1f(at.limit, this.data.limit);
    for (const name of ["negative", "zero", "positive", "accent", "background"]) {
      gl.uniform3f(at[name], ...rgb(this.data.colours[name]));
    }
  }

  // A framebuffer with a texture of its own, bound; `remove` binds the canvas again.
  target(format, width, height) {
    const gl = this.gl;
    gl.activeTexture(gl.TEXTURE2);
    const texture = buildTexture(gl);
    gl.texStorage2D(gl.TEXTURE_2D, 1, format, width, height);
    const framebuffer = gl.createFramebuffer();
    gl.bindFramebuffer(gl.FRAMEBUFFER, framebuffer);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0);
    const remove = () => {
      gl.bindFramebuffer(gl.FRAMEBUFFER, null);
      gl.deleteFramebuffer(framebuffer);
      gl.deleteTexture(texture);
      gl.activeTexture(gl.TEXTURE0);
    };
    return { framebuffer, remove };
  }

  // The numbers at side × side pixels, row by row with three channels each, as the library renders them; null if the
  // processor cannot write floats. `shown` is "before", "after" or "difference".
  readBack(side, shown) {
    const gl = this.gl;
    if (!gl?.getExtension("EXT_color_buffer_float")) return null;
    const target = this.target(gl.RGBA32F, side, side);
    const step = 2 / (side - 1);
    gl.disable(gl.SCISSOR_TEST);
    gl.viewport(0, 0, side, side);
    this.setUniforms();
    const at = this.shader.at;
    gl.uniform1i(at.raw, 1);
    gl.uniform1i(at.shown, ["before", "after", "difference"].indexOf(shown));
    gl.uniform2f(at.origin, -1 - step / 2, -1 - step / 2);
    gl.uniform2f(at.pixel, step, step);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
    const numbers = new Float32Array(side * side * 4);
    gl.readPixels(0, 0, side, side, gl.RGBA, gl.FLOAT, numbers);
    target.remove();
    return numbers.filter((_, i) => i % 4 < 3);
  }

  // Input -------------------------------------------------------------------------------------------------------------

  listen() {
    const { canvas, root } = this;
    for (const button of root.querySelectorAll("[data-do]")) button.onclick = () => this.act(button.dataset.do, button);
    const layouts = [...root.querySelectorAll("[data-layout]")];
    for (const button of layouts) {
      button.onclick = () => {
        this.choose(button.dataset.layout);
        this.arrange();
      };
    }
    this.stage.addEventListener("wheel", (event) => this.onWheel(event), { passive: false });
    canvas.addEventListener("dblclick", () => this.act("fit"));
    canvas.addEventListener("keydown", (event) => this.onKey(event));
    canvas.addEventListener("pointerdown", (event) => this.onPress(event));
    canvas.addEventListener("pointermove", (event) => this.onMove(event));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => this.onRelease(event));
    canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    canvas.addEventListener("webglcontextrestored", () => {
      this.shader = this.textures = undefined;
      if (!this.isGone && this.prepare(this.data)) this.invalidate();
    });
    root.addEventListener("fullscreenchange", () => this.arrange());
    this.divider.addEventListener("pointerdown", (event) => this.divider.setPointerCapture(event.pointerId));
    this.divider.addEventListener("pointermove", (event) => {
      if (!this.divider.hasPointerCapture(event.pointerId)) return;
      const box = this.canvas.getBoundingClientRect();
      this.setSwipe((event.clientX - box.left) / box.width);
    });
    this.divider.addEventListener("keydown", (event) => {
      const targets = { ArrowLeft: this.swipe - SWIPE_STEP, ArrowRight: this.swipe + SWIPE_STEP, Home: 0, End: 1 };
      if (event.key in targets) this.handled(event, () => this.setSwipe(targets[event.key]));
    });
    this.slider.addEventListener("input", () => this.setStrength(Number(this.slider.value)));
    this.slider.addEventListener("change", () => this.announce());
  }

  // The layout of two pictures: "side" or "swipe".
  choose(layout) {
    this.layout = layout;
    for (const button of this.root.querySelectorAll("[data-layout]")) {
      button.setAttribute("aria-pressed", button.dataset.layout === layout);
    }
  }

  handled(event, act) {
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  setSwipe(share) {
    this.swipe = clamp(share, 0, 1);
    this.placeDivider();
    this.invalidate();
  }

  act(name, button) {
    if (name === "in") this.zoomBy(BUTTON_FACTOR);
    if (name === "out") this.zoomBy(1 / BUTTON_FACTOR);
    if (name === "fit") {
      this.fit();
      this.showView();
    }
    if (name === "grid") {
      this.hasGrid = !this.hasGrid;
      button.setAttribute("aria-pressed", this.hasGrid);
      this.invalidate();
    }
    if (name === "fullscreen") {
      if (document.fullscreenElement) document.exitFullscreen();
      else this.root.requestFullscreen?.().catch(() => {});
    }
  }

  onWheel(event) {
    const lines = event.deltaMode === 1 ? 16 : 1;
    const factor = Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.002));
    if (factor <= 1 && this.zoom === 1 && !event.ctrlKey) return; // the whole picture is seen: the page scrolls
    const { place, offset } = this.locate(event);
    this.handled(event, () => this.zoomBy(factor, place, offset));
  }

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = (ARROW_STEP * 2 * this.extent) / this.zoom;
    const [x, y] = this.centre;
    const acts = {
      "+": () => this.act("in"),
      "=": () => this.act("in"),
      "-": () => this.act("out"),
      f: () => this.act("fit"),
      ArrowLeft: () => this.moveTo([x - step, y]),
      ArrowRight: () => this.moveTo([x + step, y]),
      ArrowUp: () => this.moveTo([x, y - step]),
      ArrowDown: () => this.moveTo([x, y + step]),
    };
    if (event.key in acts) this.handled(event, acts[event.key]);
  }

  onPress(event) {
    if (event.button !== 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, event);
    this.canvas.classList.add("dragged");
  }

  // One pointer moves the picture, two zoom about the point between them.
  onMove(event) {
    if (!this.pointers.has(event.pointerId)) return;
    const old = this.grip();
    this.pointers.set(event.pointerId, event);
    const grip = this.grip();
    const { place, offset } = this.locate(grip);
    const unit = this.unit(place);
    const shift = [grip.clientX - old.clientX, grip.clientY - old.clientY];
    this.moveTo(this.centre.map((value, axis) => value - shift[axis] * unit));
    if (grip.span && old.span) this.zoomBy(grip.span / old.span, place, offset);
  }

  onRelease(event) {
    this.pointers.delete(event.pointerId);
    this.canvas.classList.toggle("dragged", this.pointers.size > 0);
  }

  // The middle of all pressed pointers, and how far two of them are apart.
  grip() {
    const all = [...this.pointers.values()];
    const mean = (name) => all.reduce((sum, pointer) => sum + pointer[name], 0) / all.length;
    const [a, b] = all;
    const span = b ? Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY) : 0;
    return { clientX: mean("clientX"), clientY: mean("clientY"), span };
  }
}
