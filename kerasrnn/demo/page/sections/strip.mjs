// A row of words or characters, of which one at a time is looked at.

/**
 * Makes a list box of an element: the mouse chooses what it is over, and the arrow keys
 * go from one to the next, so that Tab stops at the row once.
 */
export class Strip {
  /**
   * @param {HTMLElement} box With role "listbox".
   * @param {(place: number | null) => void} choose Called with the item that is looked
   *   at, and with null when none is.
   */
  constructor(box, choose) {
    this.box = box;
    this.choose = choose;
    this.items = [];
    this.at = null;
    box.addEventListener("pointerover", (event) => this.#chooseIn(event.target));
    box.addEventListener("focusin", (event) => this.#chooseIn(event.target));
    box.addEventListener("keydown", (event) => this.#step(event));
  }

  /**
   * Show these items, none of them chosen.
   *
   * @param {Node[]} items Elements, one for each place.
   */
  show(items) {
    const focused = this.box.contains(document.activeElement);
    const place = this.at;
    this.items = items;
    this.at = null;
    items.forEach((item, number) => {
      item.setAttribute("role", "option");
      item.setAttribute("aria-selected", false);
      item.tabIndex = number === 0 ? 0 : -1;
      item.dataset.place = number;
    });
    this.box.replaceChildren(...items);
    if (focused && items.length) this.go(Math.min(place ?? 0, items.length - 1));
  }

  /** Choose an item and give it the focus. */
  go(place) {
    this.select(place);
    this.items[place].focus();
  }

  select(place) {
    if (place === this.at) return;
    for (const [number, chosen] of [[this.at, false], [place, true]]) {
      const item = this.items[number];
      if (!item) continue;
      item.setAttribute("aria-selected", chosen);
    }
    if (place !== null) {
      for (const item of this.box.querySelectorAll('[tabindex="0"]')) item.tabIndex = -1;
      this.items[place].tabIndex = 0;
    }
    this.at = place;
    this.choose(place);
  }

  #chooseIn(target) {
    const item = target.closest?.("[data-place]");
    if (item && this.box.contains(item)) this.select(Number(item.dataset.place));
  }

  #step(event) {
    const last = this.items.length - 1;
    if (last < 0) return;
    const at = this.at ?? 0;
    const next = {
      ArrowRight: Math.min(at + 1, last),
      ArrowDown: Math.min(at + 1, last),
      ArrowLeft: Math.max(at - 1, 0),
      ArrowUp: Math.max(at - 1, 0),
      Home: 0,
      End: last,
    }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    this.go(next);
  }
}

/** An item of a strip. */
export function item(text, label = null) {
  const element = document.createElement("span");
  element.textContent = text;
  if (label !== null) element.setAttribute("aria-label", label);
  return element;
}

/** A table with a heading for each column and each row. */
export function table(columns, rows) {
  const element = document.createElement("table");
  const head = element.createTHead().insertRow();
  for (const column of columns) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = column;
    head.append(cell);
  }
  const body = element.createTBody();
  for (const [name, ...values] of rows) {
    const row = body.insertRow();
    const cell = document.createElement("th");
    cell.scope = "row";
    cell.textContent = name;
    row.append(cell);
    for (const value of values) row.insertCell().textContent = value;
  }
  return element;
}
