// Lets an exported model write a text, in ONNX Runtime Web or in Node.
//
//     import * as ort from "onnxruntime-web";
//     import { TextReader } from "./text_reader.mjs";
//     import { TextWriter } from "./text_writer.mjs";
//
//     const reader = await TextReader.load("model/");
//     const writer = await TextWriter.load(ort, "model/");
//     const source = writer.sourceOf([reader.encode("In the beginning")]);
//     const { startId, endId } = reader;
//     const [best] = await writer.beam(source, { startId, endId, maxLength: 40 });
//     reader.decode(best.ids);

async function fetched(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
  return new Uint8Array(await answer.arrayBuffer());
}

/** The encoder and the step of a model that writes texts. */
export class TextWriter {
  /**
   * @param ort The module of ONNX Runtime.
   * @param {string} folder Where encoder.onnx and step.onnx are, with a slash.
   * @param read How to read the bytes of a file there.
   */
  static async load(ort, folder, read = fetched) {
    const [encoder, step] = await Promise.all(
      ["encoder", "step"].map(async (name) =>
        ort.InferenceSession.create(await read(`${folder}${name}.onnx`)),
      ),
    );
    return new TextWriter(ort, encoder, step);
  }

  constructor(ort, encoder, step) {
    this.ort = ort;
    this.encoder = encoder;
    this.step = step;
  }

  /** Numbers of one text as what the encoder reads. */
  sourceOf([ids]) {
    return new this.ort.Tensor("int32", Int32Array.from(ids), [1, ids.length]);
  }

  /**
   * The likeliest texts about a source, by the beam search of kerasrnn.decoding.
   *
   * @param source A tensor of one row, what the encoder reads.
   * @param {number} options.startId The token before the first.
   * @param {number} options.endId The token after the last.
   * @param {number} options.maxLength The most tokens of a text.
   * @param {number} options.beamWidth How many texts are followed; 1 is greedy search.
   * @param {number} options.nBest How many texts are wanted.
   * @param {number} options.lengthPenalty α: a text's score is its log-probability by
   *   ((5 + its length) / 6)^α.
   * @returns Texts, the best first: { ids, score, alignments }, where `alignments` has
   *   a row for each token, of a model that attends.
   */
  async beam(
    source,
    { startId, endId, maxLength = 64, beamWidth = 5, nBest = 1, lengthPenalty = 0 },
  ) {
    const scoreAt = (beam, length) => beam.logP / ((5 + length) / 6) ** lengthPenalty;
    const [given] = this.encoder.inputNames;
    const told = await this.encoder.run({ [given]: source });
    const names = this.step.inputNames.filter((name) => name !== "token_ids");
    const states = names.filter((name) => name.startsWith("state_"));
    const held = names.filter((name) => !name.startsWith("state_"));
    let beams = [{ ids: [], logP: 0, alignments: [], row: 0 }];
    let carried = Object.fromEntries(states.map((name) => [name, told[name]]));
    let ended = [];
    for (let length = 1; length <= maxLength && beams.length; length++) {
      const rows = beams.map((beam) => beam.row);
      const feeds = { token_ids: this.#tokens(beams, startId) };
      for (const name of states) feeds[name] = this.#rows(carried[name], rows);
      const firsts = rows.map(() => 0);
      for (const name of held) feeds[name] = this.#rows(told[name], firsts);
      const found = await this.step.run(feeds);
      carried = Object.fromEntries(states.map((name) => [name, found[`new_${name}`]]));
      // Each beam ends in one way, so that of twice as many enough go on.
      const next = continuations(beams, found, 2 * beamWidth);
      const ends = ({ ids }) => ids.at(-1) === endId;
      for (const beam of next.slice(0, beamWidth).filter(ends)) {
        ended.push({ ...beam, score: scoreAt(beam, length) });
      }
      ended = ended.sort(byScore).slice(0, beamWidth);
      beams = next.filter((beam) => !ends(beam)).slice(0, beamWidth);
      if (!beams.length || ended.length < nBest) continue;
      // What a beam can still reach: it gets no likelier, but maybe longer.
      const reach = scoreAt(beams[0], ended.length < beamWidth ? maxLength : length);
      if (reach <= ended[nBest - 1].score) break;
    }
    const cut = beams.map((beam) => ({ ...beam, score: scoreAt(beam, maxLength) }));
    return [...ended, ...cut.sort(byScore)]
      .slice(0, nBest)
      .map(({ ids, score, alignments }) => ({ ids, score, alignments }));
  }

  #tokens(beams, startId) {
    const ids = Int32Array.from(beams, (beam) => beam.ids.at(-1) ?? startId);
    return new this.ort.Tensor("int32", ids, [ids.length]);
  }

  /** These rows of a tensor, in this order. */
  #rows(tensor, rows) {
    const size = tensor.data.length / tensor.dims[0];
    const data = new tensor.data.constructor(rows.length * size);
    rows.forEach((row, place) => {
      data.set(tensor.data.subarray(row * size, (row + 1) * size), place * size);
    });
    return new this.ort.Tensor(tensor.type, data, [rows.length, ...tensor.dims.slice(1)]);
  }
}

const byScore = (a, b) => b.score - a.score;

/** The likeliest texts that are one token longer. */
function continuations(beams, { log_probabilities: logP, alignments }, count) {
  const [, vocabulary] = logP.dims;
  const places = alignments?.dims[1];
  const found = [];
  beams.forEach((beam, row) => {
    const of = logP.data.subarray(row * vocabulary, (row + 1) * vocabulary);
    const looked = alignments?.data.slice(row * places, (row + 1) * places);
    for (const id of largest(of, count)) {
      found.push({
        ids: [...beam.ids, id],
        logP: beam.logP + of[id],
        alignments: looked ? [...beam.alignments, Array.from(looked)] : [],
        row,
      });
    }
  });
  return found.sort((a, b) => b.logP - a.logP).slice(0, count);
}

/** Where the largest of many values are, the largest first. */
function largest(values, count) {
  const best = [];
  values.forEach((value, place) => {
    if (best.length === count && value <= values[best.at(-1)]) return;
    let at = best.length;
    while (at > 0 && value > values[best[at - 1]]) at--;
    best.splice(at, 0, place);
    best.length = Math.min(best.length, count);
  });
  return best;
}
