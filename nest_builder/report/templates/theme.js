"use strict";
// Runs before anything is drawn, so that a chosen scheme does not flash. Storage may be refused for pages from a disk.
(() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => { try { return localStorage.getItem("nest-theme"); } catch { return null; } };
  const keep = (theme) => { try { localStorage.setItem("nest-theme", theme); } catch { /* chosen for this page only */ } };
  const current = () => root.dataset.theme ?? (system.matches ? "dark" : "light");
  const before = chosen();
  if (before === "dark" || before === "light") root.dataset.theme = before;

  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const label = () => { button.textContent = current() === "dark" ? "Light" : "Dark"; };
    button.hidden = false;
    button.addEventListener("click", () => {
      root.dataset.theme = current() === "dark" ? "light" : "dark";
      keep(root.dataset.theme);
      label();
    });
    system.addEventListener("change", label);
    label();
  });
})();
