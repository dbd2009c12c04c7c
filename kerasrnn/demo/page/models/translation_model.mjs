// A translator, and where it looks for each word that it writes.

import { TextReader } from "../readers/text_reader.mjs";
import { TextWriter } from "../readers/text_writer.mjs";
import { hasPieces, merged } from "./alignments.mjs";
import { fetched, textOf } from "./read.mjs";

export class TranslationModel {
  /**
   * @param ort The module of ONNX Runtime.
   * @param {object} described What demo.json says of the model.
   * @param read How to read the bytes of a file.
   */
  static async load(ort, { folder }, read = fetched) {
    const [reader, writer] = await Promise.all([
      TextReader.load(folder, textOf(read)),
      TextWriter.load(ort, folder, read),
    ]);
    return new TranslationModel(reader, writer);
  }

  constructor(reader, writer) {
    this.reader = reader;
    this.writer = writer;
  }

  /**
   * A text's translation by greedy search.
   *
   * @returns { text, source, target, alignments }: the words of both sides, ends
   *   included, and for each of the target's how much it looked at each of the source's.
   */
  async translate(text) {
    const { reader, writer } = this;
    const ids = reader.encode(text);
    const [best] = await writer.beam(writer.sourceOf([ids]), {
      startId: reader.startId,
      endId: reader.endId,
      maxLength: longest(ids.length),
      beamWidth: 1,
    });
    const source = ids.map((id) => reader.token(id, "source"));
    const target = best.ids.map((id) => reader.token(id));
    const pieces = ["source", "target"].map((side) => hasPieces(reader[side].vocabulary));
    const words = merged(best.alignments, source, target, pieces);
    return { text: reader.decode(best.ids), ...words };
  }
}

/** The most tokens of a translation: 2 w + 10, w being the length rounded up. */
function longest(length) {
  const width = [16, 32, 64, 128, 256].find((most) => length <= most) ?? 512;
  return Math.min(2 * width + 10, 512);
}
