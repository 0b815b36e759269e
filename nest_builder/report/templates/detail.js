// A sample's own view: the picture once for the annotation and once for each system's answer, side by side, and all that is known.
const detail = (() => {
  const SYSTEMS = [["static", "Static model", "knows what it was trained on"], ["search", "Search only", "looks the name up in the web"], ["rose", "ROSE", "looks up the name and what it looks like"]];
  const SCORES = ["detector score", "predicted IoU", "stability", "box agreement", "phrase margin"];
  const VIEWS = ["outline", "cut-out", "off"];
  const SOLVED = 0.5;
  const dialog = document.getElementById("detail");
  const body = document.getElementById("detail-body");
  let view = VIEWS[0];
  let shown = 0; // counts calls, so that a slow chunk cannot overwrite a newer view

  function panel(index, at, { title, note, mask, other, says, alt, good }) {
    const [name, extension, width, height] = cards.pictureOf(index, at);
    const box = dom.h("div", { class: "picture" });
    box.style.aspectRatio = String(Math.max(0.7, Math.min(2, width / height)));
    if (extension) box.append(dom.h("img", { src: `../pictures/large/${name}.${extension}`, alt, decoding: "async" }));
    else cards.fillBroken(box);
    if (extension && (mask || other)) box.append(masks.overlay(mask, other));
    return dom.h("figure", { class: good === undefined ? "panel" : `panel ${good ? "good" : "bad"}` },
      box, dom.h("figcaption", {}, dom.h("b", {}, title), dom.h("span", { class: "says" }, says), note ? dom.h("small", {}, note) : null));
  }

  function panels(index, at, sample) {
    const nothing = Boolean(index.negative[at]);
    const truth = sample.masks.annotation ?? null;
    const name = sample.entity.name;
    const all = [panel(index, at, {
      title: "Annotation", mask: truth, says: nothing ? "not in the picture" : `mask of ${name}`, note: nothing ? null : `by ${sample.annotation.mask_model}`,
      alt: index.caption[at] || "Picture without a caption",
    })];
    for (const [key, title, about] of SYSTEMS) {
      const iou = sample.verdict[key];
      if (iou === null || iou === undefined) continue;
      const mask = sample.masks[key] ?? null;
      const empty = mask !== null && masks.path(mask) === "";
      const text = sample.answers[key]?.[1];
      const found = nothing ? (iou >= SOLVED ? "rightly finds nothing" : "sees what is not there") : `IoU ${iou.toFixed(2)}`;
      all.push(panel(index, at, {
        title, note: text ? `answers: ${text}` : about, mask: empty ? null : mask, other: truth, good: iou >= SOLVED,
        says: empty && !nothing ? "finds nothing" : found, alt: empty ? `The ${title} finds nothing` : `Answer of the ${title}: ${found}`,
      }));
    }
    return all;
  }

  const facts = (rows) => dom.h("dl", { class: "facts" }, rows.filter(([, value]) => value).map(([name, value]) => dom.h("div", {}, dom.h("dt", {}, name), dom.h("dd", {}, value))));

  function evidence(entity) {
    return dom.h("section", {}, dom.h("h3", {}, "Evidence"),
      dom.h("p", { class: "about" }, `First seen ${dom.day(entity.first_seen)}.${entity.aliases.length ? ` Also called ${entity.aliases.join(", ")}.` : ""}`),
      dom.h("ol", { class: "evidence" }, entity.evidence.map(([finding, text, date, kind, url, host]) => dom.h("li", {},
        dom.h("b", {}, finding), text ? dom.h("blockquote", {}, text) : null,
        dom.h("p", { class: "origin" }, [date, kind].filter(Boolean).join(" · "), host && host !== "–" && host !== kind ? [" · ", dom.link(url, host)] : null)))));
  }

  function about(index, at, sample) {
    const [robots, optOut, checked] = sample.consent;
    const [status, by, when] = sample.review;
    const scores = SCORES.map((name, place) => [name, sample.scores[place] === null ? "–" : sample.scores[place].toFixed(2)]);
    const verdict = index.verdict.values[index.verdict.codes[at]];
    return [
      dom.h("section", {}, dom.h("h3", {}, "Where it is from"),
        sample.caption ? dom.h("p", { class: "caption" }, sample.caption, sample.credit ? dom.h("small", {}, sample.credit) : null) : null,
        facts([["article", dom.link(...sample.article)], ["published", dom.day(sample.published)], ["picture", sample.source ? dom.link(sample.source, "original") : null],
          ["robots.txt", robots], ["opt-out", optOut ? "found" : "none found"], ["checked", dom.day(checked)]])),
      evidence(sample.entity),
      dom.h("section", {}, dom.h("h3", {}, "How sure"),
        facts([["right target", (index.p[at] / 1000).toFixed(2)], ["review", [status, by, when ? dom.day(when) : null].filter(Boolean).join(", ")],
          ["verdict", cards.LABELS[verdict] ?? (sample.reason || "none")], ...scores, ["detector", sample.annotation.detector], ["mask model", sample.annotation.mask_model],
          ["split", index.split.values[index.split.codes[at]]], ["sample", dom.h("code", {}, index.id[at])]])),
    ];
  }

  function setView(name) {
    view = name;
    dialog.dataset.view = name;
    dialog.querySelectorAll("[data-view-name]").forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.viewName === name)));
  }

  async function show(index, at, place, count) {
    shown += 1;
    const call = shown;
    document.getElementById("detail-title").textContent = index.question[at];
    document.getElementById("detail-place").textContent = place < 0 ? "not among the filtered" : `${dom.number(place + 1)} of ${dom.number(count)}`;
    dialog.querySelectorAll("[data-step]").forEach((button) => {
      const to = place + Number(button.dataset.step);
      button.disabled = place < 0 || to < 0 || to >= count;
    });
    setView(view);
    if (!dialog.open) dialog.showModal();
    let sample;
    try {
      sample = await data.sample(at);
    } catch (error) {
      if (call === shown) body.replaceChildren(dom.h("p", { class: "nothing" }, error.message));
      return;
    }
    if (call !== shown) return;
    const all = panels(index, at, sample);
    body.replaceChildren(dom.h("div", {},
      dom.h("p", { class: "answer" }, dom.h("span", {}, sample.answer), dom.h("small", {}, ` ${sample.entity.hypernym}`)),
      dom.h("div", { class: `panels of-${all.length}` }, all),
      all.length === 1 ? dom.h("p", { class: "about" }, sample.reason || "No system was run on this sample.") : null,
      dom.h("div", { class: "about-sample" }, about(index, at, sample))));
    body.dataset.sample = index.id[at];
    dialog.scrollTop = 0;
  }

  const next = () => setView(VIEWS[(VIEWS.indexOf(view) + 1) % VIEWS.length]);
  return { dialog, show, setView, next, close: () => { if (dialog.open) dialog.close(); } };
})();
