// Where a model looked, put together from pieces of words to words.

const PIECE_MARK = "▁"; // the space before a piece
const SPACES = /^[\p{White_Space}\x1c-\x1f]+|[\p{White_Space}\x1c-\x1f]+$/gu; // Python's
export const END = "[END]";

/** Whether tokens are pieces of words: the space before one is a token itself. */
export function hasPieces(vocabulary) {
  return vocabulary.includes(PIECE_MARK);
}

/**
 * Alignments of pieces as those of words: sums over the pieces of the source, means
 * over those of the target.
 *
 * @param {number[][]} alignments A row for each piece of the target.
 * @param {string[]} source The pieces that were read, or null: what was looked at are
 *   no pieces.
 * @param {string[]} target The pieces that were written.
 * @param {boolean[]} inPieces Whether each of both is in pieces of words.
 */
export function merged(alignments, source, target, inPieces = [true, true]) {
  const places = source?.length ?? alignments[0]?.length ?? 0;
  const columns = source && inPieces[0] ? wordStarts(source) : range(places);
  const rows = inPieces[1] ? wordStarts(target) : range(target.length);
  const sums = alignments.map((row) => groups(row, columns).map(sum));
  const means = groups(sums, rows).map((group) =>
    columns.map((_, place) => sum(group.map((row) => row[place])) / group.length),
  );
  return {
    alignments: means,
    source: source && groups(source, columns).map(wordOf),
    target: groups(target, rows).map(wordOf),
  };
}

/** Where words begin: at spaces, and where letters, digits and others change. */
export function wordStarts(pieces) {
  const starts = [];
  let last = null;
  pieces.forEach((piece, place) => {
    const kind = kindOf(piece);
    const alike = last === kind && (kind === "letter" || kind === "digit");
    const joins = last === "space" || alike;
    if (piece.startsWith(PIECE_MARK) || kind === "special" || !joins) starts.push(place);
    last = kind;
  });
  return starts;
}

/** What a piece is made of; only letters, and only digits, go on as one word. */
function kindOf(piece) {
  const text = piece.replace(/^▁+/, "");
  if (!text) return "space";
  if (["[START]", END, "[UNK]"].includes(text)) return "special";
  // Bytes are parts of letters more often than not.
  if (/^(<0x|['’]|\p{L}|\p{M})/u.test(text)) return "letter";
  return /^\p{N}/u.test(text) ? "digit" : "other";
}

/** The text of pieces, without spaces around it. */
export function wordOf(pieces) {
  return pieces
    .join("")
    .replace(/(<0x[0-9A-F]{2}>)+/g, (bytes) => {
      const numbers = bytes.match(/[0-9A-F]{2}(?=>)/g).map((byte) => parseInt(byte, 16));
      return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(numbers));
    })
    .replaceAll(PIECE_MARK, " ")
    .replace(SPACES, "");
}

/** A list cut before each of these places, of which the first is 0. */
function groups(list, starts) {
  return starts.map((start, number) => list.slice(start, starts[number + 1]));
}

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);
const range = (count) => Array.from({ length: count }, (_, place) => place);
