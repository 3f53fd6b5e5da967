"use strict";
(() => {
  const page = document.documentElement;
  const data = JSON.parse(document.getElementById("data").textContent);
  const one = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const canvas = one(".canvas"), svg = one("svg", canvas), details = one("#details");
  const cards = new Map(all(".card", svg).map((card) => [card.id.slice(1), card]));
  const edges = all(".edge", svg);
  // a card may stand for several nodes, or for a function: things are chosen by ids of nodes
  const nodeOf = (card) => data.cards[card] ?? card;
  const cardOf = (node) => String(data.shown[node] ?? node);
  const rows = new Map(all("#nodes tr[data-node]").map((row) => [row.dataset.node, row]));
  const say = (words) => { one("#said").textContent = words; };
  const element = (name, content = "", kind = "") => {
    const made = document.createElement(name);
    made.textContent = content;
    if (kind) made.className = kind;
    return made;
  };
  const drawn = (name, attributes) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };
  page.classList.add("scripted");
  if (window.self !== window.top) page.classList.add("embedded"); // beside an editor of the source
  if (page.dataset.theme === "light" && matchMedia("(prefers-color-scheme: dark)").matches) {
    page.dataset.theme = "dark";
  }

  // ---- the view: where its corner is, and how many pixels a unit of the picture has -------
  const whole = svg.getAttribute("viewBox").split(" ").map(Number);
  const READABLE = 0.65, LARGEST = 1.25, MARGIN = 24;
  const view = { x: 0, y: 0, scale: 1 };
  const show = () => {
    const box = [view.x, view.y, canvas.clientWidth / view.scale, canvas.clientHeight / view.scale];
    if (canvas.clientWidth) svg.setAttribute("viewBox", box.map((x) => x.toFixed(2)).join(" "));
  };
  const centre = (x, y) => {
    view.x = x - canvas.clientWidth / view.scale / 2;
    view.y = y - canvas.clientHeight / view.scale / 2;
    show();
  };
  const fitting = () => Math.min(
    canvas.clientWidth / whole[2], canvas.clientHeight / whole[3], LARGEST);
  const fit = () => { view.scale = fitting(); centre(whole[2] / 2, whole[3] / 2); };
  const zoom = (factor, x = canvas.clientWidth / 2, y = canvas.clientHeight / 2) => {
    const scale = Math.min(Math.max(view.scale * factor, fitting() / 2), 8);
    view.x += x / view.scale - x / scale;
    view.y += y / view.scale - y / scale;
    view.scale = scale;
    show();
  };
  const boxOf = (card) => {
    const rect = one(".box", card), at = card.transform.baseVal.consolidate().matrix;
    return { x: at.e + MARGIN, y: at.f + MARGIN, width: rect.width.baseVal.value,
      height: rect.height.baseVal.value };
  };
  const bring = (card) => {
    const box = boxOf(card);
    const right = view.x + canvas.clientWidth / view.scale;
    const bottom = view.y + canvas.clientHeight / view.scale;
    const seen = box.x >= view.x && box.y >= view.y && box.x + box.width <= right
      && box.y + box.height <= bottom;
    if (!seen) centre(box.x + box.width / 2, box.y + box.height / 2);
  };
  const start = () => {
    fit();
    const root = one(".card.root", svg) || [...cards.values()].pop();
    if (view.scale >= READABLE || !root) return;
    view.scale = READABLE;
    const box = boxOf(root);
    const within = (middle, size, window) => ( // the picture fills the window, or is in its middle
      size < window ? size / 2 : Math.min(Math.max(middle, window / 2), size - window / 2));
    const wide = canvas.clientWidth / view.scale, tall = canvas.clientHeight / view.scale;
    const below = box.y + box.height + MARGIN - tall / 2; // the root stands at the bottom
    centre(within(box.x + box.width / 2, whole[2], wide), within(below, whole[3], tall));
  };
  const place = (event) => {
    const bounds = canvas.getBoundingClientRect();
    return [event.clientX - bounds.left, event.clientY - bounds.top];
  };
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(Math.exp(-Math.sign(event.deltaY) * 0.14), ...place(event));
  }, { passive: false });
  const pointers = new Map();
  let dragged = false;
  canvas.addEventListener("pointerdown", (event) => {
    if (!pointers.size) dragged = false;
    pointers.set(event.pointerId, place(event));
  });
  addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const now = place(event), other = [...pointers].find(([id]) => id !== event.pointerId);
    if (other) { // two fingers
      const apart = ([x, y]) => Math.hypot(x - other[1][0], y - other[1][1]);
      zoom(apart(now) / Math.max(apart(before), 1), ...other[1]);
    } else {
      if (!dragged && Math.hypot(now[0] - before[0], now[1] - before[1]) < 5) return;
      view.x -= (now[0] - before[0]) / view.scale;
      view.y -= (now[1] - before[1]) / view.scale;
      show();
    }
    dragged = true;
    pointers.set(event.pointerId, now);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    addEventListener(end, (event) => pointers.delete(event.pointerId));
  }
  let touched = false; // until then the view is the first one, whatever the window's size
  for (const kind of ["pointerdown", "wheel", "keydown"]) {
    addEventListener(kind, () => { touched = true; });
  }
  new ResizeObserver(() => (touched ? show() : start())).observe(canvas);

  // ---- what is known of a node: the columns of its row, and what is long ------------------
  const COLUMNS = ["label", "op", "line", "type", "value", "grad", "requires", "leaf", "fn"];
  const factsOf = (id) => {
    const row = rows.get(id);
    if (!row) return null;
    const facts = Object.fromEntries(COLUMNS.map((name, k) => [name, row.cells[k].textContent]));
    if (facts.grad.startsWith("(")) {
      Object.assign(facts, { gradient: facts.grad.slice(1, -1), grad: "None" });
    }
    return { ...facts, kind: row.classList[0], ...data.nodes[id] };
  };
  const turnOf = (id) => { // of a loop, in which a node was made: no slider changes that
    const loop = data.turns.find(({ starts, count }) => id >= starts[0] && id < starts[count]);
    return loop && { ...loop, turn: loop.starts.findLastIndex((start) => start <= id) + 1 };
  };
  const describe = (id) => {
    const node = factsOf(id), card = cards.get(cardOf(id));
    if (!node) {
      const texts = card ? all("text", card) : [];
      details.replaceChildren(...texts.map((x) => element("p", x.textContent)));
      return;
    }
    const list = element("dl");
    const tell = (name, words) => {
      const cell = element("dd");
      cell.append(words.includes("\n") ? element("pre", words) : words);
      list.append(element("dt", name), cell);
    };
    tell("value", node.value || "not computed");
    tell(".grad", node.grad);
    if (node.gradient) tell("flowed", node.gradient);
    if (node.formula) list.append(element("dd", node.formula, "formula"));
    const name = node.label.replace(/:\d.*$/, ""), named = /^[\p{L}\p{N}_]+$/u.test(name);
    const kept = "No leaf: it has flowed and was not kept. "
      + `${named ? `${name}.` : ""}retain_grad() keeps it.`;
    const lost = "It has flowed, and is not in `.grad` any more.";
    const why = node.why || (node.gradient && (node.leaf === "True" ? lost : kept));
    if (why) list.append(element("dd", why, "why"));
    tell("type", node.type || "a number, float64");
    tell("is_leaf", node.leaf);
    tell("requires_grad", node.requires);
    tell("grad_fn", node.fn);
    tell("made by", node.op === "leaf" ? "the file" : node.op);
    const made = turnOf(Number(id));
    if (made) tell("made in", `turn ${made.turn} of ${made.count} of the loop in line ${made.line}`);
    tell("line", node.source ? `${node.line}: ${node.source}` : node.line);
    const head = element("h3", `${node.label} (${node.kind})`);
    details.replaceChildren(head, list);
    if (!card) return;
    const fold = element("button", `${collapsed.has(cardOf(id)) ? "show" : "hide"} what is behind`);
    fold.type = "button";
    fold.title = "key: c";
    fold.addEventListener("click", () => collapse(cardOf(id)));
    head.append(fold);
  };
  const spoken = (card) => {
    const node = factsOf(nodeOf(card));
    if (!node || nodeOf(card) !== card) {
      return all("text", cards.get(card)).map((x) => x.textContent).join(", ");
    }
    const grad = node.grad === "None" ? node.gradient : node.grad;
    return `${node.label}, ${node.kind}, ${node.op}, value ${node.value}, `
      + (grad ? `gradient ${grad}` : "no gradient");
  };

  // ---- one thing is looked at: in the graph, in the source, in the lists ------------------
  const reveal = (item, list) => { // scrolls the list alone, never the page
    const a = item.getBoundingClientRect(), b = list.getBoundingClientRect();
    if (a.top < b.top + 30) list.scrollTop += a.top - b.top - 30;
    else if (a.bottom > b.bottom) list.scrollTop += a.bottom - b.bottom + 4;
  };
  const mark = (line, ids) => {
    all(".on").forEach((x) => { if (!x.closest(".steps")) x.classList.remove("on"); });
    const source = one(`#line${line}`);
    if (source) { source.classList.add("on"); reveal(source, source.parentElement); }
    for (const id of ids) {
      if (cards.has(cardOf(id))) cards.get(cardOf(id)).classList.add("on");
      all(`tr[data-node="${id}"]`).forEach((row) => row.classList.add("on"));
    }
  };
  let chosen = null;
  const look = (id) => {
    mark(rows.has(id) ? rows.get(id).dataset.line : 0, [id]);
    describe(id);
  };
  const choose = (id, move = true) => {
    chosen = id;
    look(id);
    if (cards.has(cardOf(id)) && move) bring(cards.get(cardOf(id)));
  };
  const ofLine = (line) => {
    const found = [...rows].filter(([, row]) => row.dataset.line === line).map(([id]) => id);
    return found.sort((a, b) => cards.has(cardOf(a)) - cards.has(cardOf(b)));
  };
  const hovers = (item, enter) => {
    item.addEventListener("pointerenter", () => { if (!pointers.size) enter(); });
    item.addEventListener("pointerleave", () => { if (!pointers.size && chosen) look(chosen); });
  };
  for (const [id, card] of cards) {
    card.setAttribute("tabindex", "0");
    card.setAttribute("role", "button");
    card.setAttribute("aria-label", spoken(id));
    card.addEventListener("click", () => { if (!dragged) choose(nodeOf(id), false); });
    card.addEventListener("focus", () => choose(nodeOf(id)));
    card.addEventListener("dblclick", () => collapse(id));
    hovers(card, () => look(nodeOf(id)));
  }
  all(".listing li").forEach((item) => {
    const line = item.dataset.line;
    hovers(item, () => mark(line, ofLine(line)));
    item.addEventListener("click", () => {
      const found = ofLine(line);
      if (found.length) choose(found[found.length - 1]);
      mark(line, found);
    });
  });
  all(".tabs [data-node]").forEach((item) => {
    if (!item.closest(".steps")) item.addEventListener("click", () => choose(item.dataset.node));
  });
  all("a[data-line]").forEach((link) => link.addEventListener("click", (event) => {
    const found = ofLine(link.dataset.line), own = link.closest("[data-node]");
    event.preventDefault();
    event.stopPropagation();
    if (own || found.length) choose(own ? own.dataset.node : found[found.length - 1]);
    else mark(link.dataset.line, []);
  }));

  // ---- what a card is made of, hidden -----------------------------------------------------
  const collapsed = new Set();
  const collapse = (id) => {
    if (!collapsed.delete(id)) collapsed.add(id);
    const users = new Map();
    for (const { dataset: { from, to } } of edges) users.set(from, [...users.get(from) || [], to]);
    const gone = new Set();
    for (const card of [...cards.keys()].reverse()) { // operands come before what uses them
      const by = users.get(card) || [];
      if (by.length && by.every((user) => collapsed.has(user) || gone.has(user))) gone.add(card);
    }
    for (const [card, shape] of cards) shape.classList.toggle("gone", gone.has(card));
    for (const edge of edges) {
      const hidden = gone.has(edge.dataset.from) || collapsed.has(edge.dataset.to);
      edge.classList.toggle("gone", hidden);
      const label = edge.nextElementSibling;
      if (label && label.matches(".order")) label.classList.toggle("gone", hidden);
    }
    describe(nodeOf(id));
    say(gone.size ? `${gone.size} cards are hidden` : "nothing is hidden");
  };

  // ---- search -----------------------------------------------------------------------------
  const search = one("#search");
  let found = [], at = 0;
  search.addEventListener("input", () => {
    const wanted = search.value.trim().toLowerCase();
    all(".found").forEach((x) => x.classList.remove("found"));
    const cell = (id, k) => rows.get(id).cells[k].textContent.toLowerCase();
    const label = (id) => cell(id, 0);
    const rank = (id) => 4 * (label(id) === wanted) + 2 * cards.has(cardOf(id))
      + label(id).startsWith(wanted);
    found = !wanted ? [] : [...rows.keys()].filter((id) => label(id).includes(wanted)
      || cell(id, 1).includes(wanted) || cell(id, 8).startsWith(wanted));
    if (found.length < 2000) found.sort((a, b) => rank(b) - rank(a));
    found.map(cardOf).forEach((id) => { if (cards.has(id)) cards.get(id).classList.add("found"); });
    say(wanted ? `${found.length} found` : "");
    at = 0;
    if (found.length) choose(found[0]);
  });
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && found.length) {
      at = (at + (event.shiftKey ? found.length - 1 : 1)) % found.length;
      choose(found[at]);
      say(`${at + 1} of ${found.length}`);
    }
    if (event.key === "Escape") {
      search.value = "";
      search.dispatchEvent(new Event("input"));
      search.blur();
    }
  });

  // ---- tabs, sorting, filtering -----------------------------------------------------------
  const tabs = all("[role=tab]");
  const open = (tab) => tabs.forEach((other) => {
    other.setAttribute("aria-selected", String(other === tab));
    other.tabIndex = other === tab ? 0 : -1;
    one(`#${other.getAttribute("aria-controls")}`).hidden = other !== tab;
  });
  tabs.forEach((tab, k) => {
    tab.addEventListener("click", () => open(tab));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      event.stopPropagation();
      const next = tabs[(k + step + tabs.length) % tabs.length];
      open(next);
      next.focus();
    });
  });
  open(tabs[0]);
  const MOST_ROWS = 400; // that are in the table at once: a browser is slow with many
  const heads = all("#nodes th"), filter = one("#filter");
  let ordered = [...rows.values()];
  const fill = () => {
    const wanted = filter.value.trim().toLowerCase();
    const left = ordered.filter((row) => row.textContent.toLowerCase().includes(wanted));
    one("#nodes tbody").replaceChildren(...left.slice(0, MOST_ROWS));
    one("#more").textContent = left.length > MOST_ROWS
      ? `${left.length - MOST_ROWS} rows more: filter them, or sort` : "";
    return left.length;
  };
  filter.addEventListener("input", () => say(`${fill()} rows`));
  const number = (text) => parseFloat(text.replace(/^[([]+/, ""));
  const ascending = (a, b) => (Number.isNaN(a) - Number.isNaN(b)) || a - b;
  const byText = new Intl.Collator("en", { numeric: true }).compare;
  heads.forEach((head, k) => one("button", head).addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") === "ascending";
    const numeric = head.dataset.kind === "number";
    heads.forEach((x) => x.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const keyed = ordered.map((row) => {
      const text = row.cells[k].textContent;
      return { row, key: numeric ? number(text) : text };
    });
    keyed.sort((a, b) => (numeric ? ascending : byText)(a.key, b.key));
    ordered = (down ? keyed.reverse() : keyed).map(({ row }) => row);
    fill();
  }));
  fill();

  // ---- the player -------------------------------------------------------------------------
  const steps = all(".steps li"), slider = one("#slider"), caption = one("#caption");
  const forward = new Map(), backward = new Map(); // in which step a card has its value, gradient
  steps.forEach((step, k) => {
    const kinds = step.matches(".leaf, .forward") ? forward : backward;
    const card = cardOf(step.dataset.node);
    kinds.set(card, kinds === forward && forward.has(card) ? forward.get(card) : k);
  });
  let timer = null;
  const go = (to, touched = true) => {
    if (!steps.length) return;
    const now = Math.max(0, Math.min(steps.length - 1, to)), step = steps[now];
    const { node, line, other } = step.dataset, done = now === steps.length - 1;
    slider.value = String(now);
    slider.setAttribute("aria-valuetext", step.textContent);
    one("#count").textContent = `${now + 1} / ${steps.length}`;
    const shown = element("div", "", step.classList[0]);
    shown.append(...[...step.childNodes].map((x) => x.cloneNode(true)));
    const made = turnOf(Number(other ?? node));
    if (made) shown.prepend(element("span", `turn ${made.turn}`, "turn pale"));
    caption.replaceChildren(shown);
    for (const [id, card] of cards) {
      card.classList.toggle("off", forward.has(id) && forward.get(id) > now);
      card.classList.toggle("unseen", !done && !(backward.get(id) <= now));
    }
    steps.forEach((x) => x.classList.toggle("on", x === step));
    if (!touched) return;
    mark(line, [node]);
    const ends = other === undefined ? [] : [cardOf(node), cardOf(other)];
    edges.forEach((edge) => edge.classList.toggle("on", ends.length > 0
      && ends.includes(edge.dataset.from) && ends.includes(edge.dataset.to)));
    chosen = node;
    describe(node);
    reveal(step, one(".tabs"));
    for (const id of [...ends.reverse(), cardOf(node)]) if (cards.has(id)) bring(cards.get(id));
  };
  const now = () => (slider ? Number(slider.value) : 0);
  const pause = () => {
    clearInterval(timer);
    timer = null;
    if (slider) one("[data-do=play]").textContent = "Play";
  };
  const play = () => {
    if (timer) { pause(); return; }
    if (!slider) return;
    if (now() === steps.length - 1) go(0);
    one("[data-do=play]").textContent = "Pause";
    timer = setInterval(() => {
      go(now() + 1);
      if (now() === steps.length - 1) pause();
    }, 1100);
  };
  const step = (to) => () => { pause(); go(to()); };
  if (slider) slider.addEventListener("input", step(now));
  steps.forEach((item, k) => item.addEventListener("click", step(() => k)));

  // ---- turns of loops ---------------------------------------------------------------------
  const written = (x) => (typeof x === "number" ? String(Number(x.toPrecision(6))) : x);
  const spark = (values, turn) => {
    const WIDTH = 150, HEIGHT = 28, made = drawn("svg", { width: WIDTH, height: HEIGHT });
    const finite = values.filter((x) => typeof x === "number");
    if (!finite.length) return made;
    const low = finite.reduce((a, b) => Math.min(a, b));
    const span = finite.reduce((a, b) => Math.max(a, b)) - low || 1;
    const x = (k) => (3 + k / Math.max(values.length - 1, 1) * (WIDTH - 6)).toFixed(1);
    const y = (k) => (HEIGHT - 3 - (values[k] - low) / span * (HEIGHT - 6)).toFixed(1);
    const points = values.flatMap((v, k) => (typeof v === "number" ? `${x(k)},${y(k)}` : []));
    made.append(drawn("polyline", { class: "spark", points: points.join(" ") }));
    if (typeof values[turn] === "number") {
      made.append(drawn("circle", { class: "spark-at", r: 3, cx: x(turn), cy: y(turn) }));
    }
    return made;
  };
  const write = (card, kind, text) => { // what a card says in a turn, pressed into its room
    const lines = text.split("\n"), places = all(`.number.${kind}`, card);
    const box = boxOf(card).width;
    if (!text || lines.length !== places.length) return;
    places.forEach((place, k) => {
      place.textContent = lines[k];
      place.removeAttribute("textLength");
      const room = box - Number(place.getAttribute("x")) - 6;
      if (place.getComputedTextLength() > room) {
        place.setAttribute("textLength", room);
        place.setAttribute("lengthAdjust", "spacingAndGlyphs");
      }
    });
  };
  all("[data-turn]").forEach((input) => {
    const loop = data.turns[Number(input.dataset.turn)];
    const output = one("output", input.closest(".turns"));
    const tell = () => {
      const turn = Number(input.value) - 1;
      const parts = loop.series.map(({ name, values }) => {
        const part = element("span", `${name} = ${written(values[turn])}`, "series");
        part.append(spark(values, turn));
        return part;
      });
      output.replaceChildren(element("b", `${turn + 1} of ${loop.count}`), ...parts);
      for (const [id, frames] of Object.entries(loop.cards)) {
        write(cards.get(id), "value", frames.value[turn]);
        write(cards.get(id), "gradient", frames.gradient[turn]);
      }
    };
    input.addEventListener("input", tell);
    tell();
  });

  // ---- copies -----------------------------------------------------------------------------
  const copy = async (content, what) => {
    try {
      await navigator.clipboard.writeText(content);
      say(`${what}: copied`);
    } catch { // refused: a page from a disk may not write to the clipboard everywhere
      const area = element("textarea", content);
      details.replaceChildren(element("p", `${what}, to be copied from here`, "pale"), area);
      area.rows = 12;
      area.focus();
      area.select();
      say(`${what}: in the corner below, chosen`);
    }
  };
  const picture = () => {
    const made = svg.cloneNode(true), colours = getComputedStyle(page);
    all(".on, .off, .gone, .found, .unseen", made).forEach((x) => {
      x.classList.remove("on", "off", "gone", "found", "unseen");
    });
    const sheet = drawn("style", {});
    sheet.textContent = one("#picture").textContent
      .replace(/var\((--\w+)\)/g, (_, name) => colours.getPropertyValue(name).trim());
    made.prepend(sheet);
    made.setAttribute("viewBox", whole.join(" "));
    return new XMLSerializer().serializeToString(made);
  };
  const remedy = (button) => all("ins b", button.closest(".remedy"))
    .map((line) => line.textContent).join("\n");

  // ---- buttons, keys, dividers, print -----------------------------------------------------
  const theme = () => { page.dataset.theme = page.dataset.theme === "dark" ? "light" : "dark"; };
  const help = one("#help");
  const doings = {
    in: () => zoom(1.2), out: () => zoom(1 / 1.2), fit, theme, play,
    first: step(() => 0), back: step(() => now() - 1), on: step(() => now() + 1),
    last: step(() => steps.length - 1),
    help: () => help.showModal(), close: () => help.close(),
    "copy-torch": () => copy(data.torch, "PyTorch"),
    "copy-latex": () => copy(data.latex, "LaTeX"),
    "copy-svg": () => copy(picture(), "SVG"),
    "copy-remedy": (button) => copy(remedy(button), "The new lines"),
  };
  all("[data-do]").forEach((button) => button.addEventListener("click", (event) => {
    event.stopPropagation();
    doings[button.dataset.do](button);
  }));
  const keys = {
    ArrowRight: doings.on, ArrowLeft: doings.back, Home: doings.first, End: doings.last, " ": play,
    "+": doings.in, "=": doings.in, "-": doings.out, 0: fit, t: theme, "?": doings.help,
    "/": () => search.focus(),
    c: () => { if (cards.has(cardOf(chosen))) collapse(cardOf(chosen)); },
  };
  addEventListener("keydown", (event) => {
    const { target, key } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || help.open || !keys[key]) return;
    if (target.matches("input[type=search], textarea, .turns input")) return;
    if (key === " " && target.matches("button, a")) return;
    event.preventDefault();
    keys[key]();
  });
  all(".divider").forEach((divider) => {
    const columns = divider.dataset.divides === "columns", around = divider.parentElement;
    const name = columns ? "--left" : "--top", arrows = columns
      ? { ArrowLeft: -3, ArrowRight: 3 } : { ArrowUp: -3, ArrowDown: 3 };
    let part = columns ? 29 : 77;
    const move = (to) => {
      part = Math.min(85, Math.max(12, to));
      around.style.setProperty(name, `${part}%`);
      divider.setAttribute("aria-valuenow", String(Math.round(part)));
    };
    divider.tabIndex = 0;
    divider.setAttribute("role", "separator");
    divider.setAttribute("aria-orientation", columns ? "vertical" : "horizontal");
    divider.setAttribute("aria-label", columns ? "Width of the source" : "Height of the graph");
    move(part);
    divider.addEventListener("pointerdown", (event) => divider.setPointerCapture(event.pointerId));
    divider.addEventListener("pointermove", (event) => {
      if (!divider.hasPointerCapture(event.pointerId)) return;
      const box = around.getBoundingClientRect();
      move(100 * (columns ? (event.clientX - box.left) / box.width
        : (event.clientY - box.top) / box.height));
    });
    divider.addEventListener("keydown", (event) => {
      if (!arrows[event.key]) return;
      event.preventDefault();
      event.stopPropagation();
      move(part + arrows[event.key]);
    });
  });
  let before = "";
  addEventListener("beforeprint", () => {
    before = page.dataset.theme;
    page.dataset.theme = before === "dark" ? "light" : before;
    svg.setAttribute("viewBox", whole.join(" "));
  });
  addEventListener("afterprint", () => { page.dataset.theme = before; show(); });
  go(steps.length - 1, false);
  start();
  if (one(".card.root")) describe(nodeOf(one(".card.root").id.slice(1)));
})();
