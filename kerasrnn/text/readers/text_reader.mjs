// The numbers of texts, and the texts of numbers, as an exported model wants them.
//
//     const reader = await TextReader.load("exported/translate-en-es/");
//     const ids = reader.encode("In the beginning");
//     const text = reader.decode([17, 4, 3]);

const FIRST_PIECE = 4; // after padding, unknown, start and end
const SPACES = /^[ \t\n\v\f\r]+|[ \t\n\v\f\r]+$/g;

async function fetched(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
  return answer.text();
}

/** What a model was exported with, to make its numbers of texts and to read them. */
export class TextReader {
  /**
   * @param {string} folder Where tokenizer.json is, with a slash at its end.
   * @param {(address: string) => Promise<string>} read How to read a file there.
   */
  static async load(folder, read = fetched) {
    const described = JSON.parse(await read(`${folder}tokenizer.json`));
    const sides = {};
    for (const [side, settings] of Object.entries(described)) {
      const vocabulary = await read(`${folder}${settings.vocabulary}`);
      sides[side] = new Tokenizer(settings, tokensOf(vocabulary));
    }
    return new TextReader(sides.source, sides.target ?? sides.source);
  }

  constructor(source, target) {
    this.source = source;
    this.target = target;
    this.startId = target.settings.start_id ?? null;
    this.endId = target.settings.end_id ?? null;
  }

  /**
   * The numbers of a text, what the model reads: one at least. For a tagger they are
   * rows: of each word its number and those of its letters.
   */
  encode(text) {
    if (typeof text !== "string") {
      throw new TypeError(`text must be a string; got ${text}.`);
    }
    if (!this.source) throw new Error("This model reads no texts.");
    return this.source.encode(text);
  }

  /** The text of numbers that the model wrote, up to the first end. */
  decode(ids) {
    const size = this.target.vocabulary.length;
    ids = Array.from(ids, Number);
    for (const id of ids) {
      if (!(id >= 0 && id < size)) {
        throw new RangeError(`ids must be from 0 to ${size - 1}; got ${id}.`);
      }
    }
    return this.target.decode(ids);
  }

  /** What a number stands for: a word, a piece of one, a character. */
  token(id, side = "target") {
    return this[side].vocabulary[id];
  }
}

/** One side of a TextReader: words, pieces of words, or characters. */
class Tokenizer {
  constructor(settings, vocabulary) {
    this.settings = settings;
    this.vocabulary = vocabulary;
    this.kind = settings.kind;
    const isPieces = this.kind === "pieces";
    const first = isPieces ? FIRST_PIECE : 2;
    // Bytes are kept as strings of as many characters.
    this.pieces = isPieces
      ? vocabulary.map((token, id) => (id < first ? "" : bytesOf(token)))
      : vocabulary;
    this.ids = new Map();
    this.pieces.forEach((piece, id) => id >= first && this.ids.set(piece, id));
    this.letters = new Map();
    for (const letter of settings.letters ?? "") {
      this.letters.set(letter, this.letters.size + 2);
    }
    this.space = patternOf(settings.space ?? " ");
    this.splitRules = rulesOf(settings.split);
    this.joinRules = rulesOf(settings.join);
  }

  encode(text) {
    text = text.toWellFormed ? text.toWellFormed() : wellFormed(text);
    if (this.kind === "spelled_words") return this.encodeSpelled(text);
    let ids;
    if (this.kind === "characters") {
      ids = Array.from(text, (character) => this.ids.get(character) ?? 1);
    } else if (this.kind === "words") {
      ids = this.split(text).map((word) => this.ids.get(word) ?? 1);
    } else {
      ids = this.split(text).flatMap((word) => this.join(word));
    }
    const { room, before, after } = this.settings;
    ids = [...before, ...(room === null ? ids : ids.slice(0, room)), ...after];
    return ids.length ? ids : [0];
  }

  /** Of each word a row: its number, and those of its letters. */
  encodeSpelled(text) {
    const { lowercase, max_letters: most } = this.settings;
    const half = Math.floor(most / 2);
    text = text.replaceAll("\0", "\ufffd").normalize("NFC");
    const rows = text.split(/[ \t\n\v\f\r]+/).filter((word) => word).map((word) => {
      const id = this.ids.get(lowercase ? word.toLowerCase() : word) ?? 1;
      let letters = Array.from(word, (letter) => this.letters.get(letter) ?? 1);
      if (letters.length > most) {
        letters = [...letters.slice(0, most - half), ...letters.slice(-half)];
      }
      return [id, ...letters, ...Array(most - letters.length).fill(0)];
    });
    return rows.length ? rows : [Array(1 + most).fill(0)];
  }

  /** The words of a text. */
  split(text) {
    text = text.replace(this.space, " ");
    if (this.kind === "pieces") text = text.replace(SPACES, "");
    text = text.normalize("NFC");
    if (this.settings.lowercase) text = text.toLowerCase();
    text = replaced(text, this.splitRules);
    if (this.kind === "pieces") return text.split("\n").slice(0, -1);
    return text.split(" ").filter((word) => word);
  }

  /** The numbers of a word's pieces: the earliest piece is made first. */
  join(word) {
    let parts = Array.from(utf8(word));
    for (;;) {
      let earliest = Infinity;
      for (let i = 0; i + 1 < parts.length; i++) {
        earliest = Math.min(earliest, this.ids.get(parts[i] + parts[i + 1]) ?? Infinity);
      }
      if (earliest === Infinity) return parts.map((part) => this.ids.get(part));
      const piece = this.pieces[earliest];
      const joined = [];
      for (let i = 0; i < parts.length; i++) {
        const two = i + 1 < parts.length && parts[i] + parts[i + 1] === piece;
        joined.push(two ? piece : parts[i]);
        if (two) i++;
      }
      parts = joined;
    }
  }

  decode(ids) {
    const { start_id: start = null, end_id: end = null } = this.settings;
    const stop = ids.indexOf(end);
    if (stop >= 0) ids = ids.slice(0, stop);
    ids = ids.filter((id) => id !== 0 && id !== start);
    if (this.kind === "pieces") {
      const raw = ids.map((id) => this.pieces[id]).join("");
      const bytes = Uint8Array.from(raw, (character) => character.charCodeAt(0));
      return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes).replace(SPACES, "");
    }
    if (this.kind === "characters") {
      return ids.map((id) => (id === 1 ? "\ufffd" : this.vocabulary[id])).join("");
    }
    const text = ids.map((id) => ` ${this.vocabulary[id]}`).join("");
    return replaced(text, this.joinRules).replace(SPACES, "");
  }
}

/** The tokens of a file, one a line. */
function tokensOf(text) {
  const marks = { n: "\n", r: "\r", "\\": "\\" };
  const lines = text.split("\n").slice(0, -1);
  return lines.map((line) => line.replace(/\\(.)/g, (_, mark) => marks[mark]));
}

/** A piece: ▁ shows a space, and <0xC3> a byte that is no character. */
function bytesOf(token) {
  const parts = token.split(/<0x([0-9A-F]{2})>/);
  return parts
    .map((part, place) =>
      place % 2 ? String.fromCharCode(parseInt(part, 16)) : utf8(part.replaceAll("▁", " ")),
    )
    .join("");
}

/** The bytes of a text, a character each. */
function utf8(text) {
  return Array.from(new TextEncoder().encode(text), (byte) =>
    String.fromCharCode(byte),
  ).join("");
}

/** A text without halves of characters. */
function wellFormed(text) {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(
    new TextEncoder().encode(text),
  );
}

/** A regular expression of RE2 as one of JavaScript. */
function patternOf(rule) {
  const translated = rule
    .replace(/\\p\{Han\}/g, "\\p{Script=Han}")
    .replace(/\\x\{(\w+)\}/g, "\\u{$1}");
  return new RegExp(translated, "gu");
}

function rulesOf(rules = []) {
  return rules.map(([rule, replacement]) => [
    patternOf(rule),
    replacement.replace(/\$/g, "$$$$").replace(/\\(\d)/g, "$$$1"),
  ]);
}

function replaced(text, rules) {
  for (const [rule, replacement] of rules) text = text.replace(rule, replacement);
  return text;
}
