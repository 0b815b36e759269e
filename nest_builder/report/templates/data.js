// The edition's data: the index, which is here from the start, and chunks, each a script that hands itself over in an event.
const data = (() => {
  const KEPT = 60; // chunks in memory
  const held = new Map();
  const waiting = new Map();
  const ready = [];
  let index = null;

  document.addEventListener("nest-data", ({ detail }) => {
    if (detail.kind === "index") {
      index = read(detail.data);
      ready.forEach((call) => call(index));
      return;
    }
    const key = `${detail.kind}-${detail.number}`;
    waiting.get(key)?.resolve(detail.data);
  });

  // Adds to the columns what searching needs: one lower-case text a sample.
  function read(raw) {
    const names = raw.entity.values.map((words) => words.join(" "));
    const texts = raw.id.map((id, at) => [
      raw.question[at], names[raw.entity.codes[at]], raw.hypernym.values[raw.hypernym.codes[at]], raw.caption[at],
      raw.site.values[raw.site.codes[at]], id,
    ].join(" ").toLowerCase());
    return { ...raw, texts, place: new Map(raw.id.map((id, at) => [id, at])) };
  }

  function load(kind, number) {
    const key = `${kind}-${number}`;
    if (held.has(key)) return held.get(key);
    const chunk = new Promise((resolve, reject) => {
      waiting.set(key, { resolve });
      const script = dom.h("script", { src: `data/${key}.js` });
      script.addEventListener("error", () => reject(new Error(`data/${key}.js cannot be read`)));
      script.addEventListener("load", () => script.remove());
      document.head.append(script);
    });
    chunk.catch(() => held.delete(key)).finally(() => waiting.delete(key));
    held.set(key, chunk);
    if (held.size > KEPT) held.delete(held.keys().next().value);
    return chunk;
  }

  async function of(kind, at) {
    const size = index.chunks[kind];
    const chunk = await load(kind, Math.floor(at / size));
    return [chunk, at % size];
  }

  return {
    whenReady: (call) => { if (index) call(index); else ready.push(call); },
    // [width, height, run lengths] at the gallery's size, or 0.
    outline: async (at) => { const [chunk, row] = await of("outlines", at); return chunk[row]; },
    sample: async (at) => {
      const [chunk, row] = await of("samples", at);
      return { ...chunk.samples[row], entity: chunk.entities[chunk.samples[row].entity] };
    },
  };
})();
