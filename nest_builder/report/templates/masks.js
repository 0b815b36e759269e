// Masks: COCO's compressed run lengths, unpacked and traced along the edges of their pixels into one SVG path, crisp at any size.
const masks = (() => {
  const MOST_PIXELS = 4_000_000;

  // The format is that of pycocotools (maskApi.c, rleFrString): five bits a character, each count but the first two as the difference
  // to the one before the last; runs go down the columns and begin with the background.
  function runs(text) {
    const counts = [];
    for (let at = 0; at < text.length;) {
      let value = 0;
      let shift = 0;
      let bits;
      do {
        bits = text.charCodeAt(at) - 48;
        value |= (bits & 31) << shift;
        shift += 5;
        at += 1;
      } while (bits & 32 && at < text.length);
      if (bits & 16) value |= -1 << shift;
      if (counts.length > 2) value += counts[counts.length - 2];
      counts.push(value);
    }
    return counts;
  }

  // Pixels of a mask, column after column.
  function unpack(width, height, text) {
    if (!(width * height <= MOST_PIXELS)) throw new RangeError(`a mask of ${width} x ${height} pixels`);
    const pixels = new Uint8Array(width * height);
    let at = 0;
    runs(text).forEach((count, index) => {
      if (index % 2) pixels.fill(1, at, at + count);
      at += count;
    });
    return pixels;
  }

  // The outline as a path: edges run clockwise around what is set, so that holes turn the other way. At a corner where two pixels touch
  // the way goes right, which keeps them apart.
  function trace(width, height, pixels) {
    const across = width + 1;
    const ways = new Uint8Array(across * (height + 1)); // bits: 1 east, 2 south, 4 west, 8 north
    const isSet = (x, y) => x >= 0 && y >= 0 && x < width && y < height && pixels[x * height + y] === 1;
    for (let x = 0; x < width; x += 1) {
      for (let y = 0; y < height; y += 1) {
        if (pixels[x * height + y] !== 1) continue;
        if (!isSet(x, y - 1)) ways[y * across + x] |= 1;
        if (!isSet(x + 1, y)) ways[y * across + x + 1] |= 2;
        if (!isSet(x, y + 1)) ways[(y + 1) * across + x + 1] |= 4;
        if (!isSet(x - 1, y)) ways[(y + 1) * across + x] |= 8;
      }
    }
    const steps = [1, across, -1, -across];
    const parts = [];
    for (let start = 0; start < ways.length; start += 1) {
      while (ways[start]) {
        let at = start;
        let way = [0, 1, 2, 3].find((each) => ways[at] & (1 << each));
        parts.push(`M${at % across} ${Math.floor(at / across)}`);
        for (;;) {
          ways[at] &= ~(1 << way);
          at += steps[way];
          if (at === start) break;
          const next = [(way + 1) % 4, way, (way + 3) % 4].find((each) => ways[at] & (1 << each));
          if (next === undefined) break;
          if (next !== way) parts.push(way % 2 ? `V${Math.floor(at / across)}` : `H${at % across}`);
          way = next;
        }
        parts.push("Z");
      }
    }
    return parts.join("");
  }

  const path = ([width, height, text]) => trace(width, height, unpack(width, height, text));

  // A drawing that lies over a picture of any size. Which of its parts are seen is for the style sheet to say.
  function overlay(mask, other = null) {
    const [width, height] = mask ?? other;
    const drawing = dom.svg("svg", { class: "mask", viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true", focusable: "false" });
    if (mask) {
      const outline = path(mask);
      drawing.append(
        dom.svg("path", { class: "mask-around", "fill-rule": "evenodd", d: `M0 0H${width}V${height}H0Z${outline}` }),
        dom.svg("path", { class: "mask-rim", d: outline }),
        dom.svg("path", { class: "mask-line", d: outline }),
      );
    }
    if (other) {
      // Masks of one picture have one size; the scale is for those that were made smaller.
      const scale = `scale(${width / other[0]} ${height / other[1]})`;
      drawing.append(dom.svg("path", { class: "mask-other", transform: scale, d: path(other) }));
    }
    return drawing;
  }

  return { overlay, path, unpack };
})();
