// A black square to draw on in white; when a stroke ends, Python is sent its grey values at a small size.

const SIDE = 672; // pixels a side of the canvas, a multiple of the side that Python asks for
const STROKES = (globalThis.ngcoreStrokes ??= new Map()); // by the canvas's name; they outlive the element when the page is left
const CANVASES = new WeakMap(); // what belongs to a mounted element

function paint(context, strokes) {
  context.fillStyle = "#000";
  context.fillRect(0, 0, SIDE, SIDE);
  for (const stroke of strokes) {
    if (stroke.tool === "clear") {
      context.fillStyle = "#000";
      context.fillRect(0, 0, SIDE, SIDE);
    } else {
      paintStroke(context, stroke);
    }
  }
}

function paintStroke(context, { tool, width, points }) {
  context.strokeStyle = tool === "erase" ? "#000" : "#fff";
  context.lineWidth = width;
  context.lineCap = context.lineJoin = "round";
  const [first, ...others] = points;
  const last = points[points.length - 1];
  context.beginPath();
  context.moveTo(first.x, first.y);
  for (let i = 0; i < others.length - 1; i++) {
    const [here, next] = [others[i], others[i + 1]];
    context.quadraticCurveTo(here.x, here.y, (here.x + next.x) / 2, (here.y + next.y) / 2);
  }
  context.lineTo(last.x, last.y); // of a single point, a dot
  context.stroke();
}

// Means over squares of the canvas: side × side whole numbers from 0 to 255, row by row.
function greyValues(context, side) {
  const { data } = context.getImageData(0, 0, SIDE, SIDE);
  const block = SIDE / side;
  const sums = new Array(side * side).fill(0);
  for (let y = 0; y < SIDE; y++) {
    const row = Math.floor(y / block) * side;
    for (let x = 0; x < SIDE; x++) {
      sums[row + Math.floor(x / block)] += data[4 * (y * SIDE + x)];
    }
  }
  return sums.map((sum) => Math.round(sum / (block * block)));
}

function mount(parent, name) {
  const canvas = parent.querySelector("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const button = (tool) => parent.querySelector(`[data-tool=${tool}]`);
  const listening = new AbortController();
  const listen = (element, event, action) => element.addEventListener(event, action, { signal: listening.signal });
  const own = { side: 28, send: () => {}, unmount: () => listening.abort() };
  const strokes = STROKES.get(name) ?? [];
  STROKES.set(name, strokes);
  let [tool, drawn, pointer, isPaintDue] = ["draw", null, null, false];

  const show = () => {
    isPaintDue = false;
    paint(context, strokes);
    button("undo").disabled = !strokes.length;
    button("clear").disabled = !strokes.length || strokes[strokes.length - 1].tool === "clear";
  };
  const changed = () => {
    show();
    own.send("drawing", greyValues(context, own.side));
  };
  const choose = (chosen) => {
    tool = chosen;
    for (const one of ["draw", "erase"]) button(one).setAttribute("aria-pressed", String(one === chosen));
  };
  const undo = () => {
    if (strokes.pop()) changed();
  };
  const add = (event) => {
    const box = canvas.getBoundingClientRect();
    const scale = SIDE / box.width;
    const moves = event.getCoalescedEvents?.() ?? [];
    for (const { clientX, clientY } of moves.length ? moves : [event]) {
      drawn.points.push({ x: (clientX - box.left) * scale, y: (clientY - box.top) * scale });
    }
    if (!isPaintDue) {
      isPaintDue = true;
      requestAnimationFrame(show);
    }
  };
  const end = (event) => {
    if (!drawn || event.pointerId !== pointer) return;
    drawn = pointer = null;
    changed();
  };

  listen(canvas, "pointerdown", (event) => {
    if (drawn || event.button !== 0) return;
    event.preventDefault();
    canvas.setPointerCapture(event.pointerId);
    pointer = event.pointerId;
    drawn = { tool, width: (Number(parent.querySelector("input").value) * SIDE) / own.side, points: [] };
    strokes.push(drawn);
    add(event);
  });
  listen(canvas, "pointermove", (event) => {
    if (drawn && event.pointerId === pointer) add(event);
  });
  for (const event of ["pointerup", "pointercancel", "lostpointercapture"]) listen(canvas, event, end);
  listen(button("draw"), "click", () => choose("draw"));
  listen(button("erase"), "click", () => choose("erase"));
  listen(button("undo"), "click", undo);
  listen(button("clear"), "click", () => {
    strokes.push({ tool: "clear" });
    changed();
  });
  listen(parent.querySelector(".draw"), "keydown", (event) => {
    if (event.key === "z" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      event.stopPropagation();
      undo();
    }
  });
  show();
  return own;
}

export default function ({ data, parentElement, setStateValue }) {
  if (!CANVASES.has(parentElement)) {
    if (!data.is_known) STROKES.delete(data.name); // another session drew them
    CANVASES.set(parentElement, mount(parentElement, data.name));
  }
  const own = CANVASES.get(parentElement);
  own.side = data.side;
  own.send = setStateValue;
  return () => {
    own.unmount();
    CANVASES.delete(parentElement);
  };
}
