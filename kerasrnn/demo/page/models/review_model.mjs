// What a classifier says of a text, and what each word of it does.

import { TextReader } from "../readers/text_reader.mjs";
import { fetched, textOf } from "./read.mjs";

const LEAST = 1e-6; // Beyond, float32 no longer tells a probability from 0 or 1.

export class ReviewModel {
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
    return new ReviewModel(ort, session, reader, described.labels);
  }

  constructor(ort, session, reader, labels) {
    this.ort = ort;
    this.session = session;
    this.reader = reader;
    this.labels = labels;
  }

  /**
   * The probabilities of the classes for a text, and for the text without each word.
   *
   * @returns { words, unknown, cut, probabilities, without }: `unknown` says of each
   *   word whether the model knows it, `cut` how many words at the end are not read.
   */
  async judge(text) {
    const { source } = this.reader;
    const all = source.split(text);
    const ids = all.length ? this.reader.encode(text) : [];
    const words =
      source.kind === "words"
        ? all.slice(0, ids.length)
        : ids.map((id) => this.reader.token(id, "source"));
    const rows = [ids, ...ids.map((_, place) => ids.filter((_, other) => other !== place))];
    const [probabilities, ...without] = await this.probabilities(rows);
    const unknown = ids.map((id) => id === 1);
    return { words, unknown, cut: Math.max(0, all.length - words.length), probabilities, without };
  }

  /** Of each row of numbers, the probabilities of the classes. */
  async probabilities(rows) {
    const steps = Math.max(1, ...rows.map((row) => row.length));
    const ids = new Int32Array(rows.length * steps); // zeros after a row's end
    rows.forEach((row, place) => ids.set(row, place * steps));
    const feeds = { token_ids: new this.ort.Tensor("int32", ids, [rows.length, steps]) };
    const { probabilities } = await this.session.run(feeds);
    const [, classes] = probabilities.dims;
    return rows.map((_, place) =>
      Array.from(probabilities.data.slice(place * classes, (place + 1) * classes)),
    );
  }
}

/** By how much each word raises the log-odds of a class. */
export function contributions({ probabilities, without }, label) {
  const whole = logOdds(probabilities[label]);
  return without.map((found) => whole - logOdds(found[label]));
}

function logOdds(probability) {
  const p = Math.min(Math.max(probability, LEAST), 1 - LEAST);
  return Math.log(p) - Math.log1p(-p);
}
