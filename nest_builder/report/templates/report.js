"use strict";
(() => {
  const form = document.getElementById("filters");
  const grid = document.getElementById("cards");
  const cards = [...grid.children];
  const shown = document.getElementById("shown");
  const names = ["q", "category", "target", "split", "order", "p", "mask"];

  const field = (name) => form.elements[name];
  const words = (text) => text.toLowerCase().split(/\s+/).filter(Boolean);

  // The address keeps the filter, so that a view can be sent to somebody: report.html#category=novel&p=0.8
  function read() {
    const state = new URLSearchParams(location.hash.slice(1));
    if (!names.some((name) => state.has(name))) return false;
    for (const name of names) {
      if (name === "mask") field(name).checked = state.get(name) !== "0";
      else field(name).value = state.get(name) ?? (name === "p" ? "0" : "");
    }
    return true;
  }

  function write() {
    const state = new URLSearchParams();
    for (const name of names) {
      const value = name === "mask" ? (field(name).checked ? "" : "0") : field(name).value;
      if (value && !(name === "p" && Number(value) === 0)) state.set(name, value);
    }
    history.replaceState(null, "", state.size ? `#${state}` : location.pathname + location.search);
  }

  function apply() {
    const wanted = words(field("q").value);
    const least = Number(field("p").value);
    let count = 0;
    for (const card of cards) {
      const data = card.dataset;
      card.hidden = !(
        ["category", "target", "split"].every((name) => !field(name).value || data[name] === field(name).value) &&
        Number(data.p) >= least &&
        wanted.every((word) => data.text.includes(word))
      );
      if (!card.hidden) count += 1;
    }
    shown.textContent = String(count);
    document.getElementById("nothing").hidden = count > 0;
    document.getElementById("p-out").textContent = least.toFixed(2);
    grid.classList.toggle("bare", !field("mask").checked);
    const sign = { unsure: 1, sure: -1 }[field("order").value];
    const ordered = sign ? [...cards].sort((a, b) => sign * (a.dataset.p - b.dataset.p)) : cards;
    if (ordered.some((card, index) => grid.children[index] !== card)) grid.append(...ordered);
  }

  form.addEventListener("input", () => { apply(); write(); });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(() => { apply(); write(); }));
  window.addEventListener("hashchange", () => { if (read()) apply(); });

  grid.addEventListener("click", (event) => {
    const button = event.target.closest(".toggle");
    if (!button) return;
    const on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(on));
    button.parentElement.classList.toggle("bare", !on);
  });

  const theme = document.getElementById("theme");
  const isDark = () => (document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const label = () => { theme.textContent = isDark() ? "Light" : "Dark"; };
  theme.addEventListener("click", () => { document.documentElement.dataset.theme = isDark() ? "light" : "dark"; label(); });
  label();

  if (read()) document.getElementById("gallery").scrollIntoView({ behavior: "instant" });
  apply();
})();
