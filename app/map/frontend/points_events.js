// What mouse, pen, fingers and keys do on a map of points.

function listenTo(map) {
  const listen = (target, names, act, options = {}) => {
    for (const name of names.split(" ")) {
      target.addEventListener(name, act, { signal: map.listening.signal, ...options });
    }
  };
  const { canvas, root } = map;
  listen(canvas, "pointerdown", (event) => onPress(map, event));
  listen(canvas, "pointermove", (event) => onMove(map, event));
  listen(canvas, "pointerup", (event) => onRelease(map, event));
  listen(canvas, "pointercancel lostpointercapture", (event) => onCancel(map, event));
  listen(canvas, "pointerleave", () => map.hover(-1));
  listen(canvas, "dblclick", (event) => map.at(placeOn(map, event)) < 0 && map.zoomBy(2, placeOn(map, event)));
  listen(canvas, "wheel", (event) => onWheel(map, event), { passive: false });
  listen(canvas, "keydown", (event) => onKey(map, event));
  listen(canvas, "blur", () => map.leave());
  listen(document, "fullscreenchange", () => {
    map.sizeStage();
    map.invalidate();
  });
  root.querySelectorAll("[data-tool]").forEach((button) => {
    listen(button, "click", () => {
      map.setTool(button.dataset.tool);
      map.remember();
    });
  });
  root.querySelectorAll("[data-do]").forEach((button) => listen(button, "click", () => act(map, button.dataset.do)));
  listen(root.querySelector("input[type=search]"), "keydown", (event) => onSearchKey(map, event));
  listen(root.querySelector("input[type=search]"), "search", (event) => !event.target.value && map.seek(""));
}

function act(map, name) {
  if (name === "in") map.zoomBy(BUTTON_ZOOM);
  if (name === "out") map.zoomBy(1 / BUTTON_ZOOM);
  if (name === "fit") map.fit();
  if (name === "clear") map.sendLasso([]);
  if (name === "fullscreen") {
    if (document.fullscreenElement) document.exitFullscreen();
    else map.root.requestFullscreen?.().catch(() => {});
  }
}

function placeOn(map, { clientX, clientY }) {
  const box = map.canvas.getBoundingClientRect();
  return [clientX - box.left, clientY - box.top];
}

function onPress(map, event) {
  if (event.button !== 0) return;
  const place = placeOn(map, event);
  map.pointers.set(event.pointerId, place);
  map.pressed = map.pointers.size === 1 ? place : null; // two fingers never click
  const selects = map.tool !== "move" || event.shiftKey;
  if (map.pointers.size > 1) map.drawn = null;
  else if (selects) map.drawn = { isBox: map.tool === "box", start: place, corners: [] };
  if (selects || event.pointerType !== "touch" || map.pointers.size > 1) map.canvas.setPointerCapture(event.pointerId);
}

function onMove(map, event) {
  const place = placeOn(map, event);
  if (!map.pointers.has(event.pointerId)) {
    if (event.pointerType !== "touch") map.hover(map.at(place));
    return;
  }
  const before = grip(map);
  map.pointers.set(event.pointerId, place);
  if (map.pressed && Math.hypot(place[0] - map.pressed[0], place[1] - map.pressed[1]) > CLICK_PX) {
    map.pressed = null;
    map.hover(-1);
    map.canvas.classList.add("dragged");
  }
  if (map.drawn) extend(map, place);
  else if (event.pointerType !== "touch" || map.pointers.size > 1) drag(map, before, grip(map));
}

// The lasso or the box goes on to a place.
function extend(map, place) {
  const { drawn } = map;
  if (drawn.isBox) {
    const [[x0, y0], [x1, y1]] = [drawn.start, place];
    drawn.corners = [[x0, y0], [x1, y0], [x1, y1], [x0, y1]].map((corner) => map.toMap(corner));
  } else {
    const last = drawn.last ?? [-99, -99];
    if (Math.hypot(place[0] - last[0], place[1] - last[1]) < LASSO_STEP_PX) return;
    drawn.last = place;
    drawn.corners.push(map.toMap(place));
  }
  map.invalidate({ points: false });
}

// One pointer moves the map, two zoom about the place between them.
function drag(map, before, after) {
  const scale = map.scale;
  const [dx, dy] = after.place.map((value, axis) => value - before.place[axis]);
  map.moveTo([map.centre[0] - dx / scale, map.centre[1] + dy / scale]);
  if (before.span && after.span) map.zoomBy(after.span / before.span, after.place);
}

// The middle of all pressed pointers, and how far two of them are apart.
function grip(map) {
  const all = [...map.pointers.values()];
  const place = [0, 1].map((axis) => all.reduce((sum, one) => sum + one[axis], 0) / all.length);
  return { place, span: all[1] ? Math.hypot(all[0][0] - all[1][0], all[0][1] - all[1][1]) : 0 };
}

function onRelease(map, event) {
  if (!map.pointers.has(event.pointerId)) return;
  const { drawn, pressed } = map;
  onCancel(map, event);
  if (pressed) map.chooseAt(placeOn(map, event));
  else if (drawn && drawn.corners.length > 2) map.sendLasso(drawn.corners);
}

function onCancel(map, event) {
  if (!map.pointers.delete(event.pointerId) || map.pointers.size) return;
  map.drawn = map.pressed = null;
  map.canvas.classList.remove("dragged");
  map.invalidate();
}

function onWheel(map, event) {
  const lines = event.deltaMode === 1 ? 16 : 1;
  const factor = Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.002));
  if (factor <= 1 && map.zoom === 1 && !event.ctrlKey) return; // all points are seen: the page scrolls
  handled(event, () => map.zoomBy(factor, placeOn(map, event)));
  map.hover(map.at(placeOn(map, event)));
}

function onKey(map, event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const acts = {
    "+": () => map.zoomBy(BUTTON_ZOOM),
    "=": () => map.zoomBy(BUTTON_ZOOM),
    "-": () => map.zoomBy(1 / BUTTON_ZOOM),
    f: () => map.fit(),
    "/": () => map.root.querySelector("input[type=search]").focus(),
    Enter: () => map.choose(map.focused),
    Escape: () => map.leave(),
  };
  if (event.key in DIRECTIONS) handled(event, () => map.walk(DIRECTIONS[event.key]));
  else if (event.key in acts) handled(event, acts[event.key]);
}

function onSearchKey(map, event) {
  event.stopPropagation(); // letters are shortcuts elsewhere
  if (event.key === "Enter") map.seek(event.target.value.trim());
  if (event.key === "Escape") map.canvas.focus();
}

function handled(event, act) {
  event.preventDefault();
  event.stopPropagation();
  act();
}
