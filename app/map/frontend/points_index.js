// Finds points: the nearest to a place, those in a rectangle, the next one in a direction, by a grid of cells.

const POINTS_PER_CELL = 4;
const SIDEWAYS = 2.5; // what a step to the side counts against one ahead

class PointIndex {
  // Points within [-1, 1], x and y by turns.
  constructor(places) {
    this.places = places;
    this.count = places.length / 2;
    this.side = Math.max(1, Math.ceil(Math.sqrt(this.count / POINTS_PER_CELL)));
    this.starts = new Int32Array(this.side * this.side + 1);
    this.order = new Int32Array(this.count);
    const cells = new Int32Array(this.count);
    for (let i = 0; i < this.count; i++) {
      cells[i] = this.cell(places[2 * i]) + this.side * this.cell(places[2 * i + 1]);
      this.starts[cells[i] + 1]++;
    }
    for (let c = 0; c < this.side * this.side; c++) this.starts[c + 1] += this.starts[c];
    const next = this.starts.slice();
    for (let i = 0; i < this.count; i++) this.order[next[cells[i]]++] = i;
  }

  cell(value) {
    return Math.min(this.side - 1, Math.max(0, Math.floor(((value + 1) / 2) * this.side)));
  }

  // The points in a rectangle; at most `limit` of them, null if there are more.
  within([left, top, right, bottom], limit = Infinity) {
    const found = [];
    const [x0, x1, y0, y1] = [this.cell(left), this.cell(right), this.cell(top), this.cell(bottom)];
    for (let y = y0; y <= y1; y++) {
      for (let k = this.starts[y * this.side + x0]; k < this.starts[y * this.side + x1 + 1]; k++) {
        const i = this.order[k];
        const [px, py] = [this.places[2 * i], this.places[2 * i + 1]];
        if (px < left || px > right || py < top || py > bottom) continue;
        if (found.length === limit) return null;
        found.push(i);
      }
    }
    return found;
  }

  // The point nearest to a place, no farther than `reach`; of those that `accepts` if there is any; -1 for none.
  nearest(x, y, reach, accepts = () => true) {
    let [best, least, isAccepted] = [-1, Infinity, false];
    for (const i of this.within([x - reach, y - reach, x + reach, y + reach])) {
      const distance = Math.hypot(this.places[2 * i] - x, this.places[2 * i + 1] - y);
      if (distance > reach) continue;
      const isBetter = accepts(i);
      if ((isBetter && !isAccepted) || (isBetter === isAccepted && distance < least)) {
        [best, least, isAccepted] = [i, distance, isBetter];
      }
    }
    return best;
  }

  // The next point from point `i` in a direction such as [1, 0]; -1 for none.
  next(i, [dx, dy]) {
    let [best, least] = [-1, Infinity];
    const [x, y] = [this.places[2 * i], this.places[2 * i + 1]];
    for (let j = 0; j < this.count; j++) {
      const ahead = (this.places[2 * j] - x) * dx + (this.places[2 * j + 1] - y) * dy;
      if (ahead <= 0 || j === i) continue;
      const aside = Math.abs((this.places[2 * j] - x) * dy - (this.places[2 * j + 1] - y) * dx);
      if (aside > ahead) continue; // in another quarter
      const cost = ahead + SIDEWAYS * aside;
      if (cost < least) [best, least] = [j, cost];
    }
    return best;
  }
}
