// A picture described, and where the model looked for each word.

import { fitToSquare, PictureModel, smooth } from "../models/picture_model.mjs";
import { percent } from "./colours.mjs";
import { ModelChoice, pause } from "./model_choice.mjs";
import { item, Strip } from "./strip.mjs";

const LARGEST = 4096; // a side of a picture, in pixels; larger ones are made smaller
const SHADE = [0x5f, 0x6f, 0x84]; // neither light nor dark
const HIDDEN = 0.82; // how much of the picture it hides where there is no attention
const POINTS = 112; // a side of what is laid over the picture

export async function open(panel, models, tools) {
  const part = (name) => document.getElementById(name);
  const [gallery, file, seen, readout] = ["gallery", "picture-file", "seen", "picture-readout"].map(
    part,
  );
  const choice = new ModelChoice(panel, models, (...given) => PictureModel.load(...given), tools);
  const strip = new Strip(part("caption-words"), light);
  let model = null;
  let picture = null; // that is described, and what it is called
  let square = null; // of its pixels, as the network sees them
  let found = null; // what the model said last

  async function describe() {
    model = await choice.current();
    if (!picture) return;
    choice.say("Looking at the picture …");
    const pixels = await picture.pixels(model.size);
    square = squareOf(fitToSquare(pixels, model.size), model.size);
    found = null;
    strip.show([]);
    light(null);
    part("caption").textContent = "";
    await pause();
    found = await model.caption(pixels);
    strip.show(found.words.map((word) => item(word)));
    part("caption").textContent = found.text;
    choice.say(picture.name ? `People say: ${picture.name}.` : "");
  }

  /** Show the picture, and of it what one word looked at. */
  function light(place) {
    if (!square) return;
    seen.width = seen.height = model.size;
    const brush = seen.getContext("2d");
    brush.putImageData(square, 0, 0);
    const label = picture.name ? `The picture, ${picture.name}` : "The picture";
    seen.setAttribute("aria-label", label);
    if (place === null || !found) return;
    const attention = found.alignments[place];
    const map = smooth(attention, model.grid, POINTS);
    const shade = new ImageData(POINTS, POINTS);
    map.forEach((value, at) => {
      shade.data.set([...SHADE, Math.round(255 * HIDDEN * (1 - value))], 4 * at);
    });
    brush.drawImage(canvasOf(shade), 0, 0, model.size, model.size);
    const best = attention.indexOf(Math.max(...attention));
    const where = placeName(best, model.grid);
    const word = found.words[place];
    seen.setAttribute("aria-label", `${label}, lit where the model looked for “${word}”`);
    readout.textContent =
      `For “${word}” it looked most at the ${where}: ${percent(attention[best])} of its ` +
      `attention at one of ${attention.length} places.`;
  }

  function take(name, pixels, button = null) {
    picture = { name, pixels };
    for (const other of gallery.children) {
      other.setAttribute("aria-pressed", other === button);
    }
    return choice.queue(describe);
  }

  for (const { file: address, name } of tools.pictures) {
    const button = document.createElement("button");
    const image = document.createElement("img");
    button.type = "button";
    button.setAttribute("aria-pressed", false);
    image.src = address;
    image.alt = name;
    button.append(image);
    button.addEventListener("click", () => {
      file.value = "";
      take(name, (size) => drawn(image, size), button);
    });
    gallery.append(button);
  }
  file.addEventListener("change", () => {
    const [own] = file.files;
    if (own) take("", () => decoded(own));
  });
  choice.select.addEventListener("change", () => choice.queue(describe));
  const [first] = gallery.children;
  if (first) first.click();
  else choice.queue(describe);
  await choice.running;
}

/** The pixels of a drawing, which has no size of its own. */
async function drawn(image, size) {
  await image.decode();
  const brush = brushOf(size, size);
  brush.fillStyle = "white";
  brush.fillRect(0, 0, size, size);
  brush.drawImage(image, 0, 0, size, size);
  return brush.getImageData(0, 0, size, size);
}

/** The pixels of a file. */
async function decoded(file) {
  let image;
  try {
    image = await createImageBitmap(file);
  } catch {
    throw new Error(`${file.name} is no picture that this browser can show.`);
  }
  const scale = Math.min(1, LARGEST / Math.max(image.width, image.height));
  const [width, height] = [image.width, image.height].map((n) => Math.max(1, Math.round(n * scale)));
  const brush = brushOf(width, height);
  brush.drawImage(image, 0, 0, width, height);
  return brush.getImageData(0, 0, width, height);
}

function brushOf(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  return canvas.getContext("2d", { willReadFrequently: true });
}

function canvasOf(image) {
  const brush = brushOf(image.width, image.height);
  brush.putImageData(image, 0, 0);
  return brush.canvas;
}

/** Three numbers a pixel as four bytes a pixel. */
function squareOf(pixels, size) {
  const image = new ImageData(size, size);
  for (let at = 0; at < size * size; at++) {
    for (let c = 0; c < 3; c++) image.data[4 * at + c] = Math.round(pixels[3 * at + c]);
    image.data[4 * at + 3] = 255;
  }
  return image;
}

/** Where a place of the grid is, in words. */
function placeName(place, grid) {
  const third = (at) => Math.min(2, Math.floor((3 * (at + 0.5)) / grid));
  const row = ["top", "middle", "bottom"][third(Math.floor(place / grid))];
  const column = ["left", "middle", "right"][third(place % grid)];
  if (row === column) return "middle";
  return column === "middle" ? row : row === "middle" ? column : `${row} ${column}`;
}
