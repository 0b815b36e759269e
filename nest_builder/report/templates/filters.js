// What is asked for: the form, the page's address, and the samples that fit, all as one state.
const filters = (() => {
  const CODED = ["category", "verdict", "review", "hypernym", "split"];
  const FIRST = { q: "", category: "", verdict: "", review: "", hypernym: "", split: "", target: "", case: "", from: "0", to: "1", order: "", masks: "1" };
  const ORDERS = {
    unsure: (index) => (one, other) => index.p[one] - index.p[other] || one - other,
    sure: (index) => (one, other) => index.p[other] - index.p[one] || one - other,
  };
  const ANY = "*"; // an option's value that stands for the empty text of the data

  // The address keeps what is asked for, so that a view can be sent to somebody: index.html#category=novel&from=0.8
  function parse(hash) {
    const asked = new URLSearchParams(hash.includes("=") ? hash.slice(1) : ""); // "#review" is a section, "#review=accepted" a filter
    const state = { ...FIRST };
    let named = false;
    for (const name of Object.keys(FIRST)) {
      if (asked.has(name)) { state[name] = asked.get(name).slice(0, 300); named = true; }
    }
    for (const end of ["from", "to"]) {
      const value = Number(state[end]);
      state[end] = Number.isFinite(value) && value >= 0 && value <= 1 ? String(value) : FIRST[end];
    }
    return { state, page: Math.max(1, Number.parseInt(asked.get("page"), 10) || 1), sample: asked.get("sample"), named: named || asked.has("page") };
  }

  function write({ state, page, sample }) {
    const asked = new URLSearchParams();
    for (const [name, value] of Object.entries(state)) if (value !== FIRST[name]) asked.set(name, value);
    if (page > 1) asked.set("page", String(page));
    if (sample) asked.set("sample", sample);
    return asked.size ? `#${asked}` : `${location.pathname}${location.search}`;
  }

  function find(index, state) {
    const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
    const coded = CODED.filter((name) => state[name]).map((name) => ({
      codes: index[name].codes,
      code: index[name].values.indexOf(state[name] === ANY ? "" : state[name]),
    }));
    const bit = state.case ? 1 << index.cases.indexOf(state.case) : 0;
    const [from, to] = [Number(state.from) * 1000, Number(state.to) * 1000];
    const found = [];
    for (let at = 0; at < index.count; at += 1) {
      if (index.p[at] < from || index.p[at] > to) continue;
      if (state.target && index.negative[at] !== (state.target === "negative" ? 1 : 0)) continue;
      if (bit && !(index.case[at] & bit)) continue;
      if (!coded.every(({ codes, code }) => codes[at] === code)) continue;
      if (words.length && !words.every((word) => index.texts[at].includes(word))) continue;
      found.push(at);
    }
    return Object.hasOwn(ORDERS, state.order) ? found.sort(ORDERS[state.order](index)) : found;
  }

  function show(form, state) {
    for (const [name, value] of Object.entries(state)) {
      const field = form.elements[name];
      if (!field) continue;
      if (field.type === "checkbox") field.checked = value !== "0";
      else field.value = value;
    }
    for (const end of ["from", "to"]) form.querySelector(`output[name=${end}-out]`).value = Number(state[end]).toFixed(2);
  }

  function read(form) {
    const state = { ...FIRST };
    for (const name of Object.keys(FIRST)) {
      const field = form.elements[name];
      if (field) state[name] = field.type === "checkbox" ? (field.checked ? "1" : "0") : field.value;
    }
    return state;
  }

  return { FIRST, parse, write, find, show, read };
})();
