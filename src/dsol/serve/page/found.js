// What was found, as it comes in, and what of it counts as sounding at a threshold.
//
// events head, part, tracks ─▶ Found ─at(threshold)─▶ states ─▶ stretches, boxes and light at a time
//
// The same rules as dsol's own (Timeline, at_threshold): the downloads must say what the page shows.

export const SEEN = 0;
export const OFF_SCREEN = 1;
export const SILENT = 2;
export const NOTHING = -1;
export const STATES = ["seen", "off screen", "silent", "unknown"];
const STAY = 0.8; // once heard, a category sounds until its score falls below this share of the threshold
const FEW = 4; // answers; of a shorter video those stay that last for one answer only
const UNSEEN_LEVEL = 0.4; // of the lane of what sounds off screen: its score says how surely it is seen, too

export class Found {
  constructor(head) {
    Object.assign(this, head);
    this.times_s = [];
    this.loudness = [];
    this.boxes = []; // an answer: [{ k, xywh, object }], object the place of its name once that is known
    this.light = []; // an answer: Map category -> { rows, columns, levels }
    this.scores = new Map(); // category -> one number an answer
    this.given = new Map(); // category -> one state an answer, at the model's own threshold
    this.names = [];
    this.inOrder = []; // all boxes as they came
    this.allotted = new Map(); // category -> colour; stays
    this.level = this.threshold;
    this.states = new Map();
  }

  add(part) {
    const before = this.times_s.length;
    this.times_s.push(...part.times_s);
    this.loudness.push(...part.loudness);
    for (const _ of part.times_s) {
      this.boxes.push([]);
      this.light.push(new Map());
    }
    extend(this.scores, part.score, before, part.times_s.length, 0);
    extend(this.given, part.state, before, part.times_s.length, NOTHING);
    for (const [t, k, ...xywh] of part.boxes) {
      const box = { k, xywh, object: -1 };
      this.boxes[before + t].push(box);
      this.inOrder.push(box);
    }
    const [rows, columns] = part.size;
    const bytes = Uint8Array.from(atob(part.maps), (letter) => letter.charCodeAt(0));
    part.at.forEach(([t, k], n) => {
      this.light[before + t].set(k, { rows, columns, levels: bytes.subarray(n * rows * columns, (n + 1) * rows * columns) });
    });
  }

  objects({ names, of }) {
    this.names = names;
    of.forEach((object, n) => (this.inOrder[n].object = object));
  }

  get end_s() {
    return Math.max(this.duration_s, this.times_s.at(-1) || 0, 0.1);
  }

  // Decide anew what sounds.
  at(threshold) {
    this.level = threshold;
    this.states = this.tells_states ? this.told(threshold) : this.heard(threshold);
    for (const k of this.present) this.allot(k);
    this.version = (this.version || 0) + 1; // what was drawn of an older one is to be drawn anew
  }

  heard(threshold) {
    const states = new Map();
    for (const [k, scores] of this.scores) {
      const runs = scores.map(() => NOTHING);
      for (let t = 0; t < scores.length; ) {
        let end = t;
        let sure = false;
        for (; end < scores.length && scores[end] >= STAY * threshold; end += 1) sure ||= scores[end] >= threshold;
        if (sure) runs.fill(SEEN, t, end);
        t = end + 1;
      }
      if (runs.some((state) => state !== NOTHING)) states.set(k, runs);
    }
    return states;
  }

  told(threshold) {
    const seen = (k, t) => (this.scores.get(k)?.[t] || 0) >= threshold;
    const narrower = new Map(); // category -> those below it
    for (const [k, above] of Object.entries(this.above)) {
      for (const j of above) narrower.set(j, [...(narrower.get(j) || []), Number(k)]);
    }
    const states = new Map();
    for (const k of new Set([...this.scores.keys(), ...this.given.keys()])) {
      const below = narrower.get(k) || [];
      const given = this.given.get(k);
      const own = this.times_s.map((_, t) => {
        if (seen(k, t) && !below.some((j) => seen(j, t))) return SEEN;
        return given && given[t] !== SEEN ? given[t] : NOTHING;
      });
      const steady = own.length <= FEW ? own : withoutBlinks(own);
      if (steady.some((state) => state !== NOTHING)) states.set(k, steady);
    }
    return states;
  }

  // A category keeps its colour: its own of the palette, or the next that is free.
  allot(k) {
    if (this.allotted.has(k)) return;
    const taken = new Set(this.allotted.values());
    const ahead = this.colours.map((_, step) => this.colours[(k + step) % this.colours.length]);
    this.allotted.set(k, ahead.find((colour) => !taken.has(colour)) || ahead[0]);
  }

  colourOf(k) {
    return this.allotted.get(k) || "#98a2b3";
  }

  // Categories that do anything, in their order.
  get present() {
    return [...this.states.keys()].sort((a, b) => a - b);
  }

  state(k, t) {
    return this.states.get(k)?.[t] ?? NOTHING;
  }

  sounds(k, t) {
    const state = this.state(k, t);
    return state !== NOTHING && state !== SILENT;
  }

  lit(k, t) {
    return this.sounds(k, t) && this.state(k, t) !== OFF_SCREEN;
  }

  // The answer that stands for a time; -1 where none has come yet.
  answer(time_s) {
    const { times_s } = this;
    if (!times_s.length) return -1;
    const after = times_s.findIndex((t) => t > time_s);
    if (after === 0) return 0;
    if (after < 0) return times_s.length - 1;
    return time_s - times_s[after - 1] < times_s[after] - time_s ? after - 1 : after;
  }

  // Answer t stands for the time from edge(t) to edge(t + 1).
  edge(t) {
    if (t <= 0) return 0;
    if (t >= this.times_s.length) return this.complete ? this.end_s : this.times_s.at(-1) + 0.125;
    return (this.times_s[t - 1] + this.times_s[t]) / 2;
  }

  stretches() {
    const all = [];
    for (const [k, states] of this.states) {
      for (let t = 0; t < states.length; ) {
        let end = t + 1;
        while (end < states.length && states[end] === states[t]) end += 1;
        if (states[t] !== NOTHING) all.push(this.stretch(k, t, end));
        t = end;
      }
    }
    return all.sort((a, b) => a.start_s - b.start_s || a.k - b.k);
  }

  stretch(k, t, end) {
    const scores = this.scores.get(k)?.slice(t, end) || [0];
    const score = scores.reduce((a, b) => a + b, 0) / scores.length;
    return { k, category: this.categories[k], state: this.states.get(k)[t], start_s: this.edge(t), end_s: this.edge(end), score };
  }

  // What is in the picture, at one answer.
  shown(t) {
    if (t < 0) return [];
    return this.boxes[t].filter(({ k }) => this.state(k, t) !== NOTHING && this.state(k, t) !== OFF_SCREEN);
  }

  name({ k, object }) {
    return this.names[object] || this.categories[k];
  }

  // The height of a lane: score where it sounds, and something where it is only heard.
  lane(k) {
    const scores = this.scores.get(k) || [];
    return this.times_s.map((_, t) => (this.state(k, t) === OFF_SCREEN ? Math.max(scores[t] || 0, UNSEEN_LEVEL * this.level) : scores[t] || 0));
  }

  // Two answers round a time, and how far it is from the first to the second.
  between(time_s) {
    const after = this.times_s.findIndex((t) => t >= time_s);
    if (after <= 0) return after === 0 ? [0, 0, 0] : [this.times_s.length - 1, this.times_s.length - 1, 0];
    const [start, end] = [this.times_s[after - 1], this.times_s[after]];
    return [after - 1, after, (time_s - start) / (end - start)];
  }
}

function extend(columns, news, before, count, empty) {
  for (const [key, values] of Object.entries(news)) {
    const k = Number(key);
    if (!columns.has(k)) columns.set(k, new Array(before).fill(empty));
    columns.get(k).push(...values);
  }
  for (const values of columns.values()) while (values.length < before + count) values.push(empty);
}

function withoutBlinks(states) {
  return states.map((state, t) => (state !== states[t - 1] && state !== states[t + 1] ? NOTHING : state));
}
