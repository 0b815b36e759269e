// The gallery: a page of cards at a time, so that ten thousand samples cost no more than fifty. One of them is in the tab order; arrow
// keys move from card to card and on to the next page.
const cards = (() => {
  const PAGE = 48;
  const LABELS = { solved_by_static: "static solves it", solved_by_search: "search solves it", solved_by_rose: "ROSE solves it", unsolved: "unsolved" };

  const pictureOf = (index, at) => index.pictures[index.picture[at]];

  // The picture of a sample with a place for its mask.
  function frame(index, at, alt) {
    const [name, extension, width, height] = pictureOf(index, at);
    const box = dom.h("span", { class: "picture" });
    if (!extension) return fillBroken(box);
    const picture = dom.h("img", { src: `../pictures/small/${name}.jpg`, width, height, loading: "lazy", decoding: "async", alt });
    box.append(picture);
    return box;
  }

  function fillBroken(box) {
    box.append(dom.h("span", { class: "broken" }, "This picture cannot be shown."));
    return box;
  }

  // Masks are drawn once their card comes near the window.
  const watch = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      watch.unobserve(target);
      draw(target);
    }
  }, { rootMargin: "400px" });

  async function draw(card) {
    const box = card.querySelector(".picture");
    const outline = await data.outline(Number(card.dataset.at)).catch(() => null);
    if (outline && box.querySelector("img")) box.append(masks.overlay(outline));
    card.dataset.drawn = "";
  }

  function card(index, at, current) {
    const verdict = index.verdict.values[index.verdict.codes[at]];
    const category = index.category.values[index.category.codes[at]];
    const share = index.p[at] / 1000;
    const bar = dom.svg("svg", { class: "meter", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
      dom.svg("rect", { class: "meter-all", width: 100, height: 10 }), dom.svg("rect", { class: "meter-part", width: 100 * share, height: 10 }));
    const anchor = dom.h("a", { class: "card", href: `#sample=${encodeURIComponent(index.id[at])}`, "data-at": at, tabindex: current ? 0 : -1 },
      frame(index, at, index.caption[at] || "Picture without a caption"),
      dom.h("span", { class: "badges" },
        dom.h("span", { class: `badge ${category === "novel" || category === "emerging" ? category : "other"}` }, category),
        index.negative[at] ? dom.h("span", { class: "badge outlined" }, "negative") : null,
        Object.hasOwn(LABELS, verdict) ? dom.h("span", { class: "badge plain" }, LABELS[verdict]) : null),
      dom.h("span", { class: "question" }, index.question[at]),
      dom.h("span", { class: "answer" }, dom.h("span", {}, index.entity.values[index.entity.codes[at]][0]),
        dom.h("span", { class: "confidence", title: "Estimated probability that the mask is on the right thing" },
          bar, share.toFixed(2), dom.h("span", { class: "hidden" }, " confidence"))));
    watch.observe(anchor);
    return dom.h("li", {}, anchor);
  }

  function render(list, index, found, page) {
    const first = (page - 1) * PAGE;
    watch.disconnect();
    list.replaceChildren(...found.slice(first, first + PAGE).map((at, place) => card(index, at, place === 0)));
    document.querySelectorAll(".peek:not([data-drawn])").forEach((peek) => watch.observe(peek));
  }

  const pages = (found) => Math.max(1, Math.ceil(found.length / PAGE));

  function focus(list, place) {
    const all = [...list.querySelectorAll(".card")];
    const chosen = all.at(Math.max(0, Math.min(all.length - 1, place)));
    if (!chosen) return;
    all.forEach((each) => { each.tabIndex = each === chosen ? 0 : -1; });
    chosen.focus();
  }

  // Returns where a key leads from a card: a place on this page, or -1 and the page's size for the pages beside it.
  function target(list, place, key) {
    const all = [...list.querySelectorAll(".card")];
    const top = all[0]?.offsetTop;
    const columns = Math.max(1, all.findIndex((each) => each.offsetTop !== top) === -1 ? all.length : all.findIndex((each) => each.offsetTop !== top));
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns };
    if (key === "Home") return 0;
    if (key === "End") return all.length - 1;
    if (!Object.hasOwn(steps, key)) return null;
    const next = place + steps[key];
    if (next < 0) return -1;
    if (next >= all.length) return key === "ArrowDown" && Math.floor(place / columns) < Math.floor((all.length - 1) / columns) ? all.length - 1 : all.length;
    return next;
  }

  return { PAGE, LABELS, pictureOf, fillBroken, render, pages, focus, target };
})();
