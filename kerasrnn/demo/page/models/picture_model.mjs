// A captioner, the network that looks at pictures for it, and where it looked.

import { TextReader } from "../readers/text_reader.mjs";
import { TextWriter } from "../readers/text_writer.mjs";
import { END, hasPieces, merged } from "./alignments.mjs";
import { fetched, textOf } from "./read.mjs";

const LONGEST = 40; // tokens of a caption
const WHITE = 255;

export class PictureModel {
  /**
   * @param ort The module of ONNX Runtime.
   * @param {object} described What demo.json says of the model.
   * @param read How to read the bytes of a file.
   */
  static async load(ort, described, read = fetched) {
    const { folder } = described;
    const [reader, writer, network] = await Promise.all([
      TextReader.load(folder, textOf(read)),
      TextWriter.load(ort, folder, read),
      read(`${folder}pictures.onnx`).then((bytes) => ort.InferenceSession.create(bytes)),
    ]);
    return new PictureModel(ort, reader, writer, network, described);
  }

  constructor(ort, reader, writer, network, { size, grid }) {
    this.ort = ort;
    this.reader = reader;
    this.writer = writer;
    this.network = network;
    this.size = size;
    this.grid = grid;
  }

  /**
   * A picture's caption by greedy search.
   *
   * @param picture { width, height, data }, as ImageData has it: four bytes a pixel.
   * @returns { text, words, alignments }: for each word how much it looked at each
   *   place of the grid, row by row.
   */
  async caption(picture) {
    const { reader, writer, size } = this;
    const images = new this.ort.Tensor("float32", fitToSquare(picture, size), [1, size, size, 3]);
    const { features } = await this.network.run({ images });
    const { startId, endId } = reader;
    const options = { startId, endId, maxLength: LONGEST, beamWidth: 1 };
    const [best] = await writer.beam(features, options);
    const tokens = best.ids.map((id) => reader.token(id));
    const pieces = [false, hasPieces(reader.target.vocabulary)];
    const found = merged(best.alignments, null, tokens, pieces);
    const said = found.target.length > 1 && found.target.at(-1) === END ? -1 : undefined;
    return {
      text: reader.decode(best.ids),
      words: found.target.slice(0, said),
      alignments: found.alignments.slice(0, said),
    };
  }
}

/**
 * The whole picture in the middle of a white square, as the network wants it.
 *
 * @returns {Float32Array} (size, size, 3), 0 to 255.
 */
export function fitToSquare({ width, height, data }, size) {
  const scale = Math.fround(size / Math.max(width, height));
  const [w, h] = [width, height].map((n) => Math.max(1, rounded(Math.fround(n * scale))));
  const square = new Float32Array(size * size * 3).fill(WHITE);
  const [left, top] = [w, h].map((n) => Math.floor((size - n) / 2));
  const columns = spans(width, w);
  const rows = spans(height, h);
  // Across first, then down; each row is made narrow once.
  const narrow = new Float64Array(height * w * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < w; x++) {
      const { start, weights } = columns[x];
      for (let k = 0; k < weights.length; k++) {
        const at = (y * width + start + k) * 4;
        const opacity = data[at + 3] / 255;
        for (let c = 0; c < 3; c++) {
          const value = data[at + c] * opacity + WHITE * (1 - opacity);
          narrow[(y * w + x) * 3 + c] += weights[k] * value;
        }
      }
    }
  }
  for (let y = 0; y < h; y++) {
    const { start, weights } = rows[y];
    for (let x = 0; x < w * 3; x++) {
      let value = 0;
      for (let k = 0; k < weights.length; k++) value += weights[k] * narrow[(start + k) * w * 3 + x];
      square[((top + y) * size + left) * 3 + x] = Math.min(Math.max(value, 0), WHITE);
    }
  }
  return square;
}

/** Which of so many pixels make each of so many others, and with what weights. */
function spans(from, to) {
  const step = from / to;
  const reach = Math.max(step, 1); // made smaller, a pixel is a mean of more
  return Array.from({ length: to }, (_, place) => {
    const middle = (place + 0.5) * step;
    const start = Math.max(Math.ceil(middle - reach - 0.5), 0);
    const end = Math.min(Math.floor(middle + reach - 0.5), from - 1);
    const weights = [];
    for (let x = start; x <= end; x++) {
      weights.push(Math.max(0, 1 - Math.abs((x + 0.5 - middle) / reach)));
    }
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return { start, weights: weights.map((weight) => weight / total) };
  });
}

/** To the nearest whole number, of two equally near ones to the even one. */
function rounded(number) {
  const below = Math.floor(number);
  if (number - below !== 0.5) return Math.round(number);
  return below % 2 ? below + 1 : below;
}

/**
 * A map over a grid on a fine one of so many points a side, its highest value 1.
 *
 * Each point is the mean of the places, weighted by a normal distribution round it
 * whose deviation is half a place.
 */
export function smooth(attention, grid, points) {
  const weights = Array.from({ length: points }, (_, point) => {
    const at = ((point + 0.5) / points) * grid;
    const found = Array.from({ length: grid }, (_, place) =>
      Math.exp(-((at - place - 0.5) ** 2) / (2 * 0.5 ** 2)),
    );
    const total = found.reduce((sum, weight) => sum + weight, 0);
    return found.map((weight) => weight / total);
  });
  const map = new Float64Array(points * points);
  for (let y = 0; y < points; y++) {
    // Down first, for all columns of the grid.
    const line = Array.from({ length: grid }, (_, x) =>
      weights[y].reduce((sum, weight, row) => sum + weight * attention[row * grid + x], 0),
    );
    for (let x = 0; x < points; x++) {
      map[y * points + x] = weights[x].reduce((sum, weight, k) => sum + weight * line[k], 0);
    }
  }
  const most = map.reduce((a, b) => Math.max(a, b), 0);
  return most > 0 ? map.map((value) => value / most) : map;
}
