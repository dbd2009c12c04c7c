// A sentence translated, and where the model looked for each word.

import { END } from "../models/alignments.mjs";
import { TranslationModel } from "../models/translation_model.mjs";
import { percent, shining } from "./colours.mjs";
import { ModelChoice, pause } from "./model_choice.mjs";
import { item, Strip, table } from "./strip.mjs";

const SAID = 0.03; // smaller shares of the attention are not told

export async function open(panel, models, tools) {
  const part = (name) => document.getElementById(`translation-${name}`);
  const [form, text, readout] = ["form", "text", "readout"].map(part);
  const load = (...given) => TranslationModel.load(...given);
  const choice = new ModelChoice(panel, models, load, tools);
  const source = new Strip(document.getElementById("source-words"), (place) =>
    look(place, source, target, (row, column) => [column, row]),
  );
  const target = new Strip(document.getElementById("target-words"), (place) =>
    look(place, target, source, (row, column) => [row, column]),
  );
  let found = null; // what the model said last

  async function translate() {
    choice.status.lang = "en";
    const model = await choice.current();
    choice.say("Translating …");
    await pause();
    found = await model.translate(text.value);
    const [from = "", to = ""] = choice.described.languages;
    source.box.lang = from;
    target.box.lang = choice.status.lang = to;
    source.show(found.source.map((word) => item(named(word))));
    target.show(found.target.map((word) => item(named(word))));
    const heads = ["written", ...found.source.map(named)];
    const rows = found.target.map((word, row) => [
      named(word),
      ...found.alignments[row].map(percent),
    ]);
    part("table").replaceChildren(table(heads, rows));
    choice.say(found.text);
  }

  /**
   * Show how a word of one side and those of the other belong together.
   *
   * @param pair Of the word's place and another's: row and column of the alignments.
   */
  function look(place, here, there, pair) {
    if (place === null) return;
    for (const element of here.items) element.style.background = "";
    const shares = there.items.map((_, other) => {
      const [row, column] = pair(place, other);
      return found.alignments[row][column];
    });
    there.items.forEach((element, other) => {
      element.style.background = shining(shares[other]);
    });
    const told = shares
      .map((share, other) => [share, there.items[other].textContent])
      .filter(([share]) => share >= SAID)
      .sort(([a], [b]) => b - a)
      .map(([share, word]) => `“${word}” ${percent(share)}`);
    const verb = here === target ? "looked at" : "was looked at for";
    const word = here.items[place].textContent;
    readout.textContent = `“${word}” ${verb}: ${told.join(", ") || "nothing much"}.`;
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    choice.queue(translate);
  });
  text.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey) return;
    event.preventDefault();
    choice.queue(translate);
  });
  choice.select.addEventListener("change", () => choice.queue(translate));
  await choice.queue(translate);
}

const named = (word) => (word === END ? "(end)" : word);
