// The page: a tab for each kind of model, each loaded when it is first opened.

const SECTIONS = {
  characters: () => import("./sections/characters.mjs"),
  review: () => import("./sections/review.mjs"),
  translation: () => import("./sections/translation.mjs"),
  picture: () => import("./sections/picture.mjs"),
};

const failure = document.getElementById("failure");
const opened = new Map(); // by its name, a section that was opened before

function fail(error) {
  console.error(error);
  failure.textContent = `Something went wrong: ${error.message ?? error}`;
  failure.hidden = false;
}

/** ONNX Runtime Web, loaded once, from here and in one thread. */
let runtime = null;
function loadRuntime() {
  runtime ??= import("./runtime/ort.wasm.bundle.min.mjs").then((ort) => {
    // More threads need headers that only some web servers send.
    ort.env.wasm.numThreads = 1;
    ort.env.logLevel = "error";
    const wasm = new URL("./runtime/ort-wasm-simd-threaded.wasm", import.meta.url).href;
    ort.env.wasm.wasmPaths = { wasm };
    return ort;
  });
  return runtime;
}

function showTab(name, tabs, description) {
  for (const tab of tabs) {
    const chosen = tab.getAttribute("aria-controls") === name;
    tab.setAttribute("aria-selected", chosen);
    tab.tabIndex = chosen ? 0 : -1;
    document.getElementById(tab.getAttribute("aria-controls")).hidden = !chosen;
  }
  if (opened.has(name)) return;
  const panel = document.getElementById(name);
  const section = SECTIONS[name]().then(({ open }) =>
    open(panel, description.sections[name], { loadRuntime, fail, ...description }),
  );
  opened.set(name, section.catch(fail));
}

async function start() {
  loadRuntime().catch(fail); // while the rest is read
  const answer = await fetch("demo.json");
  if (!answer.ok) throw new Error(`demo.json: ${answer.status}`);
  const description = await answer.json();
  document.getElementById("version").textContent = description.version;
  const list = document.querySelector('[role="tablist"]');
  const tabs = [];
  for (const tab of list.querySelectorAll('[role="tab"]')) {
    const models = description.sections[tab.getAttribute("aria-controls")];
    tab.hidden = !models.length;
    if (models.length) tabs.push(tab);
  }
  const names = tabs.map((tab) => tab.getAttribute("aria-controls"));
  const choose = (name, focus = false) => {
    showTab(name, tabs, description);
    history.replaceState(null, "", `#${name}`);
    if (focus) tabs[names.indexOf(name)].focus();
  };
  tabs.forEach((tab, place) => {
    tab.addEventListener("click", () => choose(names[place]));
    tab.addEventListener("keydown", (event) => {
      const last = tabs.length - 1;
      const next = {
        ArrowRight: place === last ? 0 : place + 1,
        ArrowLeft: place === 0 ? last : place - 1,
        Home: 0,
        End: last,
      }[event.key];
      if (next === undefined) return;
      event.preventDefault();
      choose(names[next], true);
    });
  });
  const asked = location.hash.slice(1);
  choose(names.includes(asked) ? asked : names[0]);
}

start().catch(fail);
