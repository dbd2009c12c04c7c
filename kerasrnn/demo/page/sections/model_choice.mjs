// Which of a section's models is at work: it is loaded when it is first chosen.

/** The choice of a model, what is said of it, and what is said while it works. */
export class ModelChoice {
  /**
   * @param {HTMLElement} panel Of the section.
   * @param {object[]} models What demo.json says of each.
   * @param load Loads a model: of ONNX Runtime and what demo.json says.
   * @param tools Of the page.
   */
  constructor(panel, models, load, { loadRuntime, fail }) {
    this.models = models;
    this.load = load;
    this.loadRuntime = loadRuntime;
    this.fail = fail;
    this.loaded = new Map();
    this.select = panel.querySelector("[data-models] select");
    this.about = panel.querySelector("[data-about]");
    this.status = panel.querySelector("[data-status]");
    panel.querySelector("[data-models]").hidden = models.length < 2;
    this.select.append(...models.map(({ name }) => new Option(name)));
    this.panel = panel;
  }

  get described() {
    return this.models[this.select.selectedIndex];
  }

  say(text) {
    this.status.textContent = text;
  }

  /** The chosen model. */
  async current() {
    const { described } = this;
    const { name, summary, score, parameters } = described;
    const count = `${parameters.toLocaleString("en")} parameters`;
    this.about.textContent = [`${name}: ${summary ?? ""}`.trim(), `${count}.`, score && `Its ${score}.`]
      .filter(Boolean)
      .join(" ");
    if (!this.loaded.has(name)) {
      this.say(`Loading the model ${name} …`);
      const model = this.loadRuntime().then((ort) => this.load(ort, described));
      this.loaded.set(name, model);
      await model;
      this.say("");
    }
    return this.loaded.get(name);
  }

  /** Runs what is asked for one after the other; of what waits, only the last. */
  queue(work) {
    this.waiting = work;
    this.running ??= this.#drain();
    return this.running;
  }

  async #drain() {
    this.panel.setAttribute("aria-busy", true);
    try {
      while (this.waiting) {
        const work = this.waiting;
        this.waiting = null;
        await work();
      }
    } catch (error) {
      this.fail(error);
    } finally {
      this.running = null;
      this.panel.setAttribute("aria-busy", false);
    }
  }
}

/** A pause in which the browser can draw. */
export const pause = () => new Promise((go) => setTimeout(go, 0));
