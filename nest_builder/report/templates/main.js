// Ties the parts together: state in, view out; the address is the memory.
const form = document.getElementById("filters");
const list = document.getElementById("cards");
const previous = document.getElementById("previous");
const next = document.getElementById("next");
let index = null;
let found = [];
let asked = filters.parse(location.hash);

const placeOf = (id) => found.indexOf(index.place.get(id));
const remember = (push = false) => history[push ? "pushState" : "replaceState"](null, "", filters.write(asked));

// Shows the page of cards that the state asks for.
function view() {
  performance.mark("nest-view");
  const pages = cards.pages(found);
  asked.page = Math.min(pages, asked.page);
  cards.render(list, index, found, asked.page);
  document.getElementById("shown").textContent = dom.number(found.length);
  document.getElementById("nothing").hidden = found.length > 0;
  document.getElementById("page").textContent = `${dom.number(asked.page)} / ${dom.number(pages)}`;
  document.getElementById("pager").hidden = pages === 1;
  previous.disabled = asked.page === 1;
  next.disabled = asked.page === pages;
  document.getElementById("gallery").classList.toggle("bare", asked.state.masks === "0");
  performance.measure("nest-view", "nest-view");
}

function apply() {
  if (!index) return; // somebody was faster than the data; what is asked for is shown once they are here
  performance.mark("nest-filter");
  found = filters.find(index, asked.state);
  view();
  performance.measure("nest-filter", "nest-filter");
}

function turn(pages, place = 0) {
  asked.page += pages;
  view();
  remember();
  cards.focus(list, place);
  reveal(form);
}

function reveal(node) {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  node.scrollIntoView({ block: "start", behavior: still ? "instant" : "smooth" });
}

function open(id, push) {
  if (!index.place.has(id)) return;
  asked.sample = id;
  remember(push);
  detail.show(index, index.place.get(id), placeOf(id), found.length);
}

function step(by) {
  const place = placeOf(asked.sample) + by;
  if (placeOf(asked.sample) >= 0 && place >= 0 && place < found.length) open(index.id[found[place]], false);
}

// Follows the address: back and forward, and links inside the page. A link to a sample alone keeps the filters.
function follow() {
  const now = filters.parse(location.hash);
  if (!index) {
    asked = now;
    return;
  }
  if (!now.named && now.sample) {
    open(now.sample, false);
    return;
  }
  if (!now.named && !now.sample && location.hash) return; // a section
  asked = now;
  filters.show(form, asked.state);
  apply();
  if (asked.sample) open(asked.sample, false);
  else detail.close();
}

form.addEventListener("input", () => {
  asked = { state: filters.read(form), page: 1, sample: null };
  filters.show(form, asked.state);
  apply();
  remember();
});
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("reset", () => setTimeout(() => form.dispatchEvent(new Event("input"))));
window.addEventListener("popstate", follow);
previous.addEventListener("click", () => turn(-1));
next.addEventListener("click", () => turn(1));

document.addEventListener("click", (event) => {
  const anchor = event.target.closest("a[href^='#']");
  if (!anchor || !index || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  if (anchor.dataset.at) {
    event.preventDefault();
    open(index.id[Number(anchor.dataset.at)], true);
  } else if (filters.parse(anchor.hash).named) { // "Show all": what it shows is in the gallery, which may be far from here
    event.preventDefault();
    history.pushState(null, "", anchor.hash);
    follow();
    cards.focus(list, 0);
    reveal(document.getElementById("gallery"));
  }
});

list.addEventListener("focusin", (event) => {
  const card = event.target.closest(".card");
  if (card) list.querySelectorAll(".card").forEach((each) => { each.tabIndex = each === card ? 0 : -1; });
});

list.addEventListener("keydown", (event) => {
  const all = [...list.querySelectorAll(".card")];
  const place = all.indexOf(event.target.closest(".card"));
  if (place < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
  const to = cards.target(list, place, event.key);
  if (to === null) return;
  event.preventDefault();
  if (to >= 0 && to < all.length) cards.focus(list, to);
  else if (to < 0 && asked.page > 1) turn(-1, cards.PAGE - 1);
  else if (to >= all.length && asked.page < cards.pages(found)) turn(1);
});

detail.dialog.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key === "ArrowLeft") step(-1);
  else if (event.key === "ArrowRight") step(1);
  else if (event.key === "m") detail.next();
  else return;
  event.preventDefault();
});
detail.dialog.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (event.target === detail.dialog || button?.id === "detail-close") detail.close();
  else if (button?.dataset.step) step(Number(button.dataset.step));
  else if (button?.dataset.viewName) detail.setView(button.dataset.viewName);
});
detail.dialog.addEventListener("close", () => {
  const place = placeOf(asked.sample);
  const page = Math.floor(place / cards.PAGE) + 1;
  asked.sample = null;
  if (place >= 0 && page !== asked.page && list.contains(document.activeElement)) {
    asked.page = page;
    view();
  }
  remember();
  if (place >= 0 && page === asked.page && list.contains(document.activeElement)) cards.focus(list, place % cards.PAGE);
});

document.getElementById("filters-toggle").addEventListener("click", (event) => {
  const on = event.currentTarget.getAttribute("aria-expanded") !== "true";
  event.currentTarget.setAttribute("aria-expanded", String(on));
  form.classList.toggle("open", on);
});

data.whenReady((loaded) => {
  index = loaded;
  filters.show(form, asked.state);
  apply();
  // The cards have moved the section that the address names.
  const section = asked.named ? "gallery" : location.hash.slice(1);
  document.getElementById(section)?.scrollIntoView({ behavior: "instant" });
  if (asked.sample) open(asked.sample, false);
  performance.mark("nest-ready");
});
