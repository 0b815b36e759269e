// Elements made of values. Texts become text nodes and nothing is ever parsed as HTML, so captions and names are harmless.
const dom = (() => {
  const SVG = "http://www.w3.org/2000/svg";

  function fill(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) throw new TypeError(`${name}: handlers are added, never written`);
      if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : String(value));
    }
    node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
    return node;
  }

  const h = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
  const svg = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

  // Addresses were checked when the page was written; what is no web address stays text here all the same.
  const link = (url, label) => /^https?:\/\//i.test(url.trim())
    ? h("a", { href: url, rel: "nofollow noopener noreferrer", target: "_blank" }, label)
    : h("span", {}, label);

  const day = (time) => (time ? time.slice(0, 10) : "no date");
  const number = (value) => String(value).replace(/\B(?=(\d{3})+$)/g, ",");
  return { h, svg, link, day, number };
})();
