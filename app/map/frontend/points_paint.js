// What lies over the points: paths, pictures, rings, names of classes, and the region that is being drawn.

const LABEL_FONT = 13;

function paintOver(map) {
  const { context } = map;
  paintPaths(map);
  map.tiles = map.picturedPoints();
  if (map.tiles) paintTiles(map);
  map.taken = []; // middles and half widths of the texts that are written; none covers another
  for (const mark of map.data.marks) paintMark(map, mark);
  paintLabels(map);
  const outline = map.drawn?.corners ?? map.lasso;
  if (outline.length > 1) {
    trace(map, outline);
    context.closePath();
    context.fillStyle = `${map.data.theme.accent}1f`;
    context.fill();
    stroke(context, map.data.theme.text, 1.2, [5, 4]);
  }
  const row = map.focused >= 0 ? map.focused : map.hovered;
  if (row < 0) return;
  const place = map.toScreen(map.placeOf(row));
  circle(context, place, map.tiles ? map.tile * 0.72 : map.size / 2 + 4);
  stroke(context, map.data.theme.text, 2);
  map.card.show(row, place, map.data, map.sheet, map.isSaid);
  map.isSaid = false;
}

function paintPaths(map) {
  const { context, paths, data } = map;
  const draw = (rows, colour, width, alpha) => {
    context.globalAlpha = alpha;
    context.beginPath();
    let isOn = false;
    for (const row of rows) {
      if (row >= 0) context[isOn ? "lineTo" : "moveTo"](...map.toScreen(map.placeOf(row)));
      isOn = row >= 0;
    }
    stroke(context, colour, width);
    context.globalAlpha = 1;
  };
  if (paths.length) draw(paths, data.theme.muted, 1, 0.45);
  if (data.chosenPath.length) draw(data.chosenPath, data.theme.text, 2.5, 0.9);
}

function paintTiles(map) {
  const { context, sheet, data } = map;
  const longest = Math.max(sheet.width, sheet.height);
  const [width, height] = [(map.tile * sheet.width) / longest, (map.tile * sheet.height) / longest];
  for (const row of map.tiles) {
    if (!sheet.placeOf(row)) continue;
    const [x, y] = map.toScreen(map.placeOf(row));
    const isOut = map.standsOut(row);
    context.globalAlpha = isOut ? 1 : 0.35;
    const code = map.codes[row];
    context.fillStyle = !isOut || code === NO_COLOUR ? data.theme.muted : data.colours.palette[code];
    context.fillRect(x - width / 2 - 2, y - height / 2 - 2, width + 4, height + 4);
    sheet.paint(context, row, x - width / 2, y - height / 2, width, height);
  }
  context.globalAlpha = 1;
}

// The names of the classes where most of their points are.
function paintLabels(map) {
  for (const { text, place, code } of map.data.labels) {
    if (!map.legend.hidden.has(code)) write(map, text, ...map.toScreen(map.toUnit(place)));
  }
}

// Write a text about a place, or beside it at `gap` pixels; one that would cover another is left out.
function write(map, text, x, y, gap = 0) {
  const { context, data } = map;
  context.font = `600 ${LABEL_FONT}px ${getComputedStyle(map.root).fontFamily}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  const half = context.measureText(text).width / 2 + 3;
  if (gap) x += x > map.stage.clientWidth * 0.7 ? -gap - half : gap + half;
  if (map.taken.some(([a, b, c]) => Math.abs(a - x) < c + half && Math.abs(b - y) < LABEL_FONT + 3)) return;
  map.taken.push([x, y, half]);
  context.lineWidth = 4;
  context.lineJoin = "round";
  context.strokeStyle = data.theme.background;
  context.strokeText(text, x, y);
  context.fillStyle = data.theme.text;
  context.fillText(text, x, y);
}

function paintMark(map, { kind, points, texts }) {
  const { context, data } = map;
  points.forEach((point, i) => {
    const place = map.toScreen(map.toUnit(point));
    if (kind === "placed") {
      diamond(context, place, 9);
      context.fillStyle = data.theme.placed;
      context.fill();
      stroke(context, data.theme.text, 1.5);
    } else {
      const reach = map.tiles ? map.tile * 0.72 : map.size / 2;
      circle(context, place, reach + (kind === "selected" ? 5 : 2.5));
      stroke(context, data.theme.text, kind === "selected" ? 3 : 1.5);
    }
    if (texts[i]) write(map, texts[i], ...place, 12);
  });
}

function trace(map, corners) {
  map.context.beginPath();
  corners.forEach((corner, i) => map.context[i ? "lineTo" : "moveTo"](...map.toScreen(corner)));
}

function circle(context, [x, y], radius) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
}

function diamond(context, [x, y], radius) {
  context.beginPath();
  for (const [dx, dy] of [[0, -1], [1, 0], [0, 1], [-1, 0]]) context.lineTo(x + dx * radius, y + dy * radius);
  context.closePath();
}

function stroke(context, colour, width, dash = []) {
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.setLineDash(dash);
  context.stroke();
  context.setLineDash([]);
}
