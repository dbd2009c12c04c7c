// A text coloured by a cell of a character model, which goes on writing it.

import { CharacterModel, FollowedText, fromLowToHigh } from "../models/character_model.mjs";
import { diverging, percent, signed } from "./colours.mjs";
import { ModelChoice, pause } from "./model_choice.mjs";
import { item, Strip } from "./strip.mjs";

const AT_ONCE = 16; // characters between two pauses in which the browser can draw
const PICTURE = 120; // milliseconds between two pictures of the text, or more
const WRITTEN = 200; // characters that are written at most, for one push of the button
const NAMES = { " ": "space", "\n": "line feed", "\t": "tab" };
const SHOWN = { "\n": "↵\n" };

export async function open(panel, models, tools) {
  const part = (name) => document.getElementById(name);
  const text = part("characters-text");
  const [known, layer, kind, unit] = ["known", "layer", "kind", "unit"].map((name) =>
    part(`cell-${name}`),
  );
  const [write, stop, temperature] = ["write", "stop", "temperature"].map(part);
  const readout = part("characters-readout");
  const choice = new ModelChoice(panel, models, load, tools);
  const strip = new Strip(part("coloured"), tell);
  let followed = null; // the text as the chosen model follows it
  let chosen = null; // which model the controls are for
  let writtenFrom = Infinity; // where what the model wrote begins
  let stopped = false;
  let steps = 0;
  let drawnAt = 0;

  async function load(ort, described) {
    return new FollowedText(await CharacterModel.load(ort, described));
  }

  const whole = ({ value, min, max }) =>
    Math.min(Math.max(Math.trunc(Number(value)), Number(min)), Number(max));
  const cell = () => ({ layer: whole(layer) - 1, kind: kind.value, unit: whole(unit) });

  /** Fill the controls for another model. */
  function prepare() {
    const { described } = choice;
    if (chosen === described) return;
    chosen = described;
    followed = null;
    const cells = described.cells.map(({ feature, sign, auc }, place) => {
      const colour = sign > 0 ? "red" : "blue";
      return new Option(`${feature} → ${colour} (AUC ${auc.toFixed(2)})`, place);
    });
    known.replaceChildren(...cells, new Option("another: the unit below", ""));
    kind.replaceChildren(...described.states.map((name) => new Option(name)));
    layer.max = described.layers;
    unit.max = described.units - 1;
    known.closest(".field").hidden = !cells.length;
    known.selectedIndex = 0;
    layer.value = 1;
    unit.value = 0;
    takeKnown();
    text.value = described.text;
    writtenFrom = Infinity;
  }

  function takeKnown() {
    const found = chosen.cells[known.value];
    if (known.value === "" || !found) return;
    layer.value = found.layer + 1;
    kind.value = found.state;
    unit.value = found.unit;
  }

  /** Read what is in the box, as far as it is new. */
  async function read() {
    prepare();
    followed = await choice.current();
    await followed.follow(text.value, async () => {
      await rest();
      return !choice.waiting;
    });
    draw();
    const unknown = followed.unknown;
    choice.say(unknown ? `${unknown} of the characters are unknown to the model.` : "");
  }

  /** From time to time, let the browser draw what there is. */
  async function rest() {
    if (++steps % AT_ONCE) return;
    if (performance.now() - drawnAt > PICTURE) draw();
    await pause();
  }

  function draw() {
    if (!followed) return;
    drawnAt = performance.now();
    const { scaled, low, high } = fromLowToHigh(followed.values(cell()));
    part("lowest").textContent = `lowest ${signed(low)}`;
    part("highest").textContent = `highest ${signed(high)}`;
    strip.show(
      followed.characters.map((character, place) => {
        const shown = item(SHOWN[character] ?? character, NAMES[character]);
        shown.style.background = diverging(scaled[place]);
        if (place >= writtenFrom) shown.className = "written";
        return shown;
      }),
    );
  }

  /** Say what the unit held after a character, and what the model expected next. */
  function tell(place) {
    if (place === null) return;
    const { characters, moments, model } = followed;
    const { logP } = moments[place + 1];
    const named = (character) => NAMES[character] ?? `“${character}”`;
    const next = Array.from(logP, (value, id) => [value, id])
      .slice(2)
      .sort(([a], [b]) => b - a)
      .slice(0, 3)
      .map(([value, id]) => `${named(model.reader.token(id))} ${percent(Math.exp(value))}`);
    const held = signed(model.valueAt(moments[place + 1], cell()));
    readout.textContent =
      `After ${named(characters[place])}, character ${place + 1}, the unit holds ${held}. ` +
      `The model expects ${next.join(", ")}.`;
  }

  async function goOn() {
    await read();
    stopped = false;
    exchange(write, stop);
    choice.say("The model writes …");
    writtenFrom = Math.min(writtenFrom, followed.characters.length);
    let count = 0;
    try {
      while (count < WRITTEN && !stopped && !choice.waiting) {
        if (text.value.length >= text.maxLength) break;
        text.value += await followed.write(Number(temperature.value));
        text.scrollTop = text.scrollHeight;
        count++;
        await rest();
      }
    } finally {
      exchange(stop, write);
    }
    draw();
    choice.say(`The model wrote ${count} characters: they are underlined.`);
  }

  /** Switch one button off and the other on, which gets the focus of the first. */
  function exchange(from, to) {
    to.disabled = false;
    if (document.activeElement === from) to.focus();
    from.disabled = true;
  }

  text.addEventListener("input", () => {
    writtenFrom = Infinity;
    choice.queue(read);
  });
  choice.select.addEventListener("change", () => choice.queue(read));
  known.addEventListener("change", () => {
    takeKnown();
    draw();
  });
  for (const control of [layer, kind, unit]) {
    control.addEventListener("input", () => {
      if (!control.checkValidity() || control.value === "") return;
      known.value = "";
      draw();
    });
  }
  temperature.addEventListener("input", () => {
    part("temperature-value").textContent = Number(temperature.value).toFixed(1);
  });
  write.addEventListener("click", () => choice.queue(goOn));
  stop.addEventListener("click", () => {
    stopped = true;
  });
  await choice.queue(read);
}
