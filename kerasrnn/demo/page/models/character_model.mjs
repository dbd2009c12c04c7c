// What a character model says, and what its units do, character by character.

import { TextReader } from "../readers/text_reader.mjs";
import { fetched, textOf } from "./read.mjs";

const FIRST = 2; // Padding and unknown, which come before, are never written.

/** A model that reads a character at a time and says which may come next. */
export class CharacterModel {
  /**
   * @param ort The module of ONNX Runtime.
   * @param {object} described What demo.json says of the model.
   * @param read How to read the bytes of a file.
   */
  static async load(ort, described, read = fetched) {
    const { folder } = described;
    const [reader, session] = await Promise.all([
      TextReader.load(folder, textOf(read)),
      read(`${folder}model.onnx`).then((bytes) => ort.InferenceSession.create(bytes)),
    ]);
    return new CharacterModel(ort, session, reader, described);
  }

  constructor(ort, session, reader, { units, states }) {
    this.ort = ort;
    this.session = session;
    this.reader = reader;
    this.units = units;
    this.kinds = states;
    this.inputs = session.inputNames.filter((name) => name !== "ids");
  }

  /** The number of a character; 1 is an unknown one. */
  numberOf(character) {
    return this.reader.encode(character)[0];
  }

  /** The moment before a text's first character. */
  async begin() {
    const zeros = this.inputs.map((name) => [name, new Float32Array(this.units)]);
    return this.after({ states: Object.fromEntries(zeros) }, 0);
  }

  /**
   * The moment after one more character: `states` by their names, and `logP`, the
   * logarithm of the probability of each character that may come next.
   */
  async after(moment, id) {
    const { Tensor } = this.ort;
    const feeds = { ids: new Tensor("int32", Int32Array.of(id), [1, 1]) };
    for (const name of this.inputs) {
      feeds[name] = new Tensor("float32", moment.states[name], [1, this.units]);
    }
    const found = await this.session.run(feeds);
    const states = this.inputs.map((name) => [name, found[`new_${name}`].data]);
    return { states: Object.fromEntries(states), logP: found.log_probabilities.data };
  }

  /** What a unit holds at a moment: `kind` is "hidden", or of an LSTM "cell". */
  valueAt(moment, { layer, kind, unit }) {
    return moment.states[`state_${layer}_${this.kinds.indexOf(kind)}`][unit];
  }
}

/** A text as a model follows it, from the first character to the last. */
export class FollowedText {
  constructor(model) {
    this.model = model;
    this.characters = [];
    this.moments = []; // one more: that before the first character
  }

  get text() {
    return this.characters.join("");
  }

  /**
   * Read a text; of one that begins as the one before, only what is new.
   *
   * @param {string} text
   * @param wanted Asked before each character; false, now or later, ends it early.
   */
  async follow(text, wanted = () => true) {
    const characters = Array.from(text);
    let same = 0;
    while (same < characters.length && characters[same] === this.characters[same]) same++;
    this.characters.length = same;
    if (!this.moments.length) this.moments.push(await this.model.begin());
    this.moments.length = same + 1;
    for (const character of characters.slice(same)) {
      if (!(await wanted())) return;
      await this.add(character);
    }
  }

  async add(character) {
    const id = this.model.numberOf(character);
    this.moments.push(await this.model.after(this.moments.at(-1), id));
    this.characters.push(character);
  }

  /** Let the model write one more character, and give it. */
  async write(temperature, random = Math.random) {
    const id = drawn(this.moments.at(-1).logP, temperature, random());
    const character = this.model.reader.token(id);
    await this.add(character);
    return character;
  }

  /** What a unit held after each character. */
  values(unit) {
    return this.moments.slice(1).map((moment) => this.model.valueAt(moment, unit));
  }

  /** How many of the characters the model does not know. */
  get unknown() {
    const { model } = this;
    return this.characters.filter((character) => model.numberOf(character) === 1).length;
  }
}

/**
 * One of the characters, by p ∝ exp(logP / temperature).
 *
 * @param logP Of each character.
 * @param {number} temperature 0 takes the likeliest.
 * @param {number} share From 0 to 1, 1 left out: which of all that could be drawn.
 */
export function drawn(logP, temperature, share) {
  let best = FIRST;
  for (let id = FIRST; id < logP.length; id++) if (logP[id] > logP[best]) best = id;
  if (temperature <= 0) return best;
  const weights = [];
  let total = 0;
  for (let id = FIRST; id < logP.length; id++) {
    weights.push(Math.exp((logP[id] - logP[best]) / temperature));
    total += weights.at(-1);
  }
  let left = share * total;
  for (let id = FIRST; id < logP.length; id++) {
    left -= weights[id - FIRST];
    if (left < 0) return id;
  }
  return best;
}

/**
 * Values from -1, their lowest, to 1, their highest: a cell state may go up and down
 * far from 0. The lowest and the highest are the 2nd and 98th of a hundred.
 *
 * @returns { scaled, low, high }
 */
export function fromLowToHigh(values) {
  const sorted = Float64Array.from(values).sort();
  const [low, high] = [percentile(sorted, 2), percentile(sorted, 98)];
  const scaled = Array.from(values, (value) =>
    high <= low ? 0 : Math.min(Math.max((value - low) / (high - low), 0), 1) * 2 - 1,
  );
  return { scaled, low, high };
}

/** The value below which so many of a hundred are, between two where it must be. */
function percentile(sorted, share) {
  if (!sorted.length) return 0;
  const place = ((sorted.length - 1) * share) / 100;
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (place - below);
}
