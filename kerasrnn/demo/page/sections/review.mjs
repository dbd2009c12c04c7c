// What a classifier says of a review, and what each word of it does.

import { contributions, ReviewModel } from "../models/review_model.mjs";
import { diverging, percent, signed } from "./colours.mjs";
import { ModelChoice } from "./model_choice.mjs";
import { item, Strip, table } from "./strip.mjs";

export async function open(panel, models, tools) {
  const part = (name) => document.getElementById(`review-${name}`);
  const [text, label, readout] = ["text", "label", "readout"].map(part);
  const choice = new ModelChoice(panel, models, (...given) => ReviewModel.load(...given), tools);
  const strip = new Strip(part("words"), tell);
  let model = null;
  let found = null; // what the model said last

  async function judge() {
    const before = model;
    model = await choice.current();
    if (model !== before) {
      label.replaceChildren(...model.labels.map((name, place) => new Option(name, place)));
      label.selectedIndex = model.labels.length - 1;
    }
    found = await model.judge(text.value);
    drawProbabilities();
    drawWords();
    const cut = found.cut ? ` The last ${found.cut} words are not read.` : "";
    const best = found.probabilities.indexOf(Math.max(...found.probabilities));
    choice.say(`${model.labels[best]}, ${percent(found.probabilities[best])}.${cut}`);
  }

  function drawProbabilities() {
    const bars = model.labels.map((name, place) => {
      const bar = document.createElement("div");
      bar.className = "bar";
      const meter = document.createElement("meter");
      meter.value = found.probabilities[place];
      meter.setAttribute("aria-label", `probability of ${name}`);
      bar.append(item(name), meter, item(percent(meter.value)));
      return bar;
    });
    document.getElementById("probabilities").replaceChildren(...bars);
  }

  function drawWords() {
    const values = contributions(found, Number(label.value));
    const most = Math.max(1, ...values.map(Math.abs));
    strip.show(
      found.words.map((word, place) => {
        const shown = item(word);
        shown.style.background = diverging(values[place] / most);
        if (found.unknown[place]) {
          shown.className = "unknown";
          shown.title = "unknown to the model";
        }
        return shown;
      }),
    );
    const name = model.labels[label.value];
    const rows = found.words.map((word, place) => [
      word,
      `${(100 * found.without[place][label.value]).toFixed(1)} %`,
      signed(values[place]),
    ]);
    const heads = ["word", `${name} without it`, "log-odds that it adds"];
    part("table").replaceChildren(table(heads, rows));
  }

  function tell(place) {
    if (place === null) return;
    const which = Number(label.value);
    const value = contributions(found, which)[place];
    const verb = value < 0 ? "lowers" : "raises";
    const unknown = found.unknown[place] ? " The model does not know this word." : "";
    readout.textContent =
      `“${found.words[place]}” ${verb} “${model.labels[which]}”: ` +
      `${percent(found.without[place][which])} without it, ` +
      `${percent(found.probabilities[which])} with it (log-odds ${signed(value)}).${unknown}`;
  }

  text.addEventListener("input", () => choice.queue(judge));
  choice.select.addEventListener("change", () => choice.queue(judge));
  label.addEventListener("change", drawWords);
  await choice.queue(judge);
}
