"use strict";
(() => {
  const page = document.documentElement;
  page.classList.add("scripted");
  const data = JSON.parse(document.getElementById("data").textContent);
  const one = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const canvas = one(".canvas"), svg = one("svg", canvas);
  const cards = new Map(all(".card", svg).map((card) => [card.id.slice(1), card]));
  const edges = all(".edge", svg);
  const said = one("#said");
  const SMALLEST = 0.6; // of its own size, at which a text can be read

  // ---- the view: pan and zoom -----------------------------------------------------------
  const whole = svg.getAttribute("viewBox").split(" ").map(Number);
  let view = [...whole];
  const show = () => svg.setAttribute("viewBox", view.map((x) => x.toFixed(2)).join(" "));
  const zoom = (factor, x = 0.5, y = 0.5) => {
    const [left, top, width, height] = view;
    view = [left + width * x * (1 - factor), top + height * y * (1 - factor), width * factor,
      height * factor];
    show();
  };
  const box = (card) => {
    const rect = one(".box", card), at = card.transform.baseVal.consolidate().matrix;
    const margin = 24;
    return { x: at.e + margin, y: at.f + margin, width: rect.width.baseVal.value,
      height: rect.height.baseVal.value };
  };
  const bring = (card) => {
    const b = box(card), [left, top, width, height] = view;
    const seen = b.x >= left && b.y >= top && b.x + b.width <= left + width &&
      b.y + b.height <= top + height;
    if (!seen) {
      view = [b.x + b.width / 2 - width / 2, b.y + b.height / 2 - height / 2, width, height];
      show();
    }
  };
  const fit = () => { view = [...whole]; show(); };
  const readable = () => {
    // text at its own size where the graph is larger than the window
    const width = canvas.clientWidth, height = canvas.clientHeight;
    const scale = Math.min(width / whole[2], height / whole[3]);
    if (scale < SMALLEST && width) {
      view = [(whole[2] - width / SMALLEST) / 2, 0, width / SMALLEST, height / SMALLEST];
      const root = one(".card.root", svg);
      if (root) {
        const b = box(root);
        view[0] = b.x + b.width / 2 - view[2] / 2;
        view[1] = Math.max(0, b.y + b.height + 24 - view[3]);
      }
      show();
    }
  };
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const bounds = canvas.getBoundingClientRect();
    const x = (event.clientX - bounds.left) / bounds.width;
    const y = (event.clientY - bounds.top) / bounds.height;
    zoom(event.deltaY > 0 ? 1.15 : 1 / 1.15, x, y);
  }, { passive: false });
  let held = null;
  canvas.addEventListener("pointerdown", (event) => {
    held = { x: event.clientX, y: event.clientY, view: [...view], moved: false };
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!held) return;
    const bounds = canvas.getBoundingClientRect();
    const scale = Math.max(view[2] / bounds.width, view[3] / bounds.height);
    const dx = event.clientX - held.x, dy = event.clientY - held.y;
    if (Math.abs(dx) + Math.abs(dy) > 4) held.moved = true;
    if (!held.moved) return;
    view = [held.view[0] - dx * scale, held.view[1] - dy * scale, view[2], view[3]];
    show();
  });
  addEventListener("pointerup", () => { setTimeout(() => { held = null; }); });

  // ---- one thing is looked at: in the graph, in the source, in the tables ----------------
  const details = one("#details");
  const element = (name, content, kind) => {
    const made = document.createElement(name);
    made.textContent = content;
    if (kind) made.className = kind;
    return made;
  };
  const describe = (id) => {
    const node = data.nodes[id];
    if (!node) return;
    details.replaceChildren(element("h3", node.label));
    const list = document.createElement("dl");
    const facts = [["line", `${node.line}: ${node.source}`], ["made by", node.op],
      ["type", node.type], ["is_leaf", node.leaf ? "True" : "False"],
      ["requires_grad", node.requires ? "True" : "False"], ["grad_fn", node.fn || "None"]];
    for (const [name, value] of facts) list.append(element("dt", name), element("dd", value));
    details.append(list);
    const numbers = [["value", node.value], [".grad", node.grad || "None"]];
    if (node.gradient) numbers.push(["flowed, not kept", node.gradient]);
    for (const [name, value] of numbers) {
      if (value) details.append(element("p", name, "pale"), element("pre", value));
    }
    const hidden = collapsed.has(id);
    const fold = element("button", hidden ? "show what it is made of" : "hide what it is made of");
    fold.type = "button";
    fold.addEventListener("click", () => { collapse(id); describe(id); });
    details.append(fold);
  };
  const mark = (line, id) => {
    all(".on").forEach((x) => x.classList.remove("on"));
    const row = one(`#line${line}`);
    if (row) { row.classList.add("on"); row.scrollIntoView({ block: "nearest" }); }
    if (id === undefined) return;
    const card = cards.get(String(id));
    if (card) card.classList.add("on");
    all(`tr[data-node="${id}"]`).forEach((x) => x.classList.add("on"));
  };
  let chosen = null;
  const choose = (id, move = true) => {
    chosen = String(id);
    const node = data.nodes[chosen];
    mark(node ? node.line : 0, chosen);
    describe(chosen);
    const card = cards.get(chosen);
    if (card && move) bring(card);
  };
  for (const [id, card] of cards) {
    card.setAttribute("tabindex", "0");
    card.setAttribute("role", "button");
    card.setAttribute("aria-label", spoken(id));
    card.addEventListener("click", () => { if (!held || !held.moved) choose(id, false); });
    card.addEventListener("pointerenter", () => {
      if (!held) { mark(data.nodes[id] ? data.nodes[id].line : 0, id); describe(id); }
    });
    card.addEventListener("focus", () => choose(id));
    card.addEventListener("dblclick", () => collapse(id));
  }
  function spoken(id) {
    const node = data.nodes[id];
    if (!node) return "";
    const grad = node.grad || node.gradient;
    return `${node.label}, ${node.op}, value ${node.value}${grad ? `, gradient ${grad}` : ""}`;
  }
  all(".source li").forEach((row) => row.addEventListener("click", () => {
    const line = Number(row.dataset.line);
    const found = [...cards.keys()].filter((id) => data.nodes[id] && data.nodes[id].line === line);
    if (found.length) choose(found[found.length - 1]);
    else mark(line);
  }));
  all("tr[data-node], article[data-node]").forEach((row) => row.addEventListener("click", () => {
    choose(row.dataset.node);
  }));
  all("a[data-line]").forEach((link) => link.addEventListener("click", (event) => {
    event.preventDefault();
    mark(link.dataset.line);
  }));

  // ---- what a card is made of, hidden ----------------------------------------------------
  const collapsed = new Set();
  const collapse = (id) => {
    if (collapsed.has(id)) collapsed.delete(id); else collapsed.add(id);
    const into = new Map(), out = new Map();
    for (const edge of edges) {
      const { from, to } = edge.dataset;
      into.set(to, [...(into.get(to) || []), from]);
      out.set(from, [...(out.get(from) || []), to]);
    }
    const gone = new Set();
    const order = [...cards.keys()].reverse();
    for (let again = true; again;) {
      again = false;
      for (const card of order) {
        const users = out.get(card) || [];
        const left = users.filter((u) => !collapsed.has(u) && !gone.has(u));
        if (users.length && !left.length && !gone.has(card)) { gone.add(card); again = true; }
      }
    }
    for (const [card, shape] of cards) shape.classList.toggle("gone", gone.has(card));
    for (const edge of edges) {
      const hidden = gone.has(edge.dataset.from) || gone.has(edge.dataset.to);
      edge.classList.toggle("gone", hidden);
      const label = edge.nextElementSibling;
      if (label && label.classList.contains("order")) label.classList.toggle("gone", hidden);
    }
    said.textContent = gone.size ? `${gone.size} cards are hidden` : "";
  };

  // ---- search ----------------------------------------------------------------------------
  const search = one("#search");
  let found = [], at = 0;
  search.addEventListener("input", () => {
    const wanted = search.value.trim().toLowerCase();
    all(".found").forEach((x) => x.classList.remove("found"));
    found = !wanted ? [] : [...cards].filter(([id, card]) => {
      const node = data.nodes[id];
      const words = `${card.textContent} ${node ? `${node.label} ${node.op} ${node.fn}` : ""}`;
      return words.toLowerCase().includes(wanted);
    });
    const exact = ([id]) => data.nodes[id] && data.nodes[id].label.toLowerCase() === wanted;
    found.sort((a, b) => exact(b) - exact(a));
    found.forEach(([, card]) => card.classList.add("found"));
    said.textContent = wanted ? `${found.length} found` : "";
    at = 0;
    if (found.length) choose(found[0][0]);
  });
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && found.length) {
      at = (at + (event.shiftKey ? found.length - 1 : 1)) % found.length;
      choose(found[at][0]);
    }
    if (event.key === "Escape") { search.value = ""; search.dispatchEvent(new Event("input")); }
  });

  // ---- tabs, sorting, filtering ----------------------------------------------------------
  const tabs = all("[role=tab]");
  const open = (tab) => tabs.forEach((other) => {
    const is = other === tab;
    other.setAttribute("aria-selected", String(is));
    other.tabIndex = is ? 0 : -1;
    one(`#${other.getAttribute("aria-controls")}`).hidden = !is;
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
  if (tabs.length) open(tabs[0]);
  const table = one("#nodes");
  if (table) {
    const body = one("tbody", table);
    all("th", table).forEach((head, k) => one("button", head).addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      all("th", table).forEach((x) => x.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const text = (row) => row.cells[k].textContent;
      const number = (row) => parseFloat(text(row).replace(/^[([]+/, ""));
      const numeric = head.dataset.kind === "number" || head.textContent.match(/value|grad$/);
      const rows = [...body.rows].sort((a, b) => {
        const x = number(a), y = number(b);
        if (numeric && (x === x || y === y)) return (x === x ? x : Infinity) - (y === y ? y : Infinity);
        return text(a).localeCompare(text(b));
      });
      body.append(...(down ? rows.reverse() : rows));
    }));
    one("#filter").addEventListener("input", (event) => {
      const wanted = event.target.value.toLowerCase();
      [...body.rows].forEach((row) => {
        row.hidden = !row.textContent.toLowerCase().includes(wanted);
      });
    });
  }

  // ---- the player ------------------------------------------------------------------------
  const steps = all(".steps li"), slider = one("#slider"), caption = one("#caption");
  const count = one("#count");
  let playing = false;
  const go = (to, scroll = true) => {
    if (!steps.length) return;
    const place = Math.max(0, Math.min(steps.length - 1, to));
    const wasPlaying = playing;
    playing = place < steps.length - 1 || wasPlaying;
    slider.value = String(place);
    slider.setAttribute("aria-valuetext", steps[place].textContent);
    count.textContent = `${place + 1} / ${steps.length}`;
    caption.replaceChildren(...[...steps[place].childNodes].map((x) => x.cloneNode(true)));
    const reached = new Set(), passed = new Set();
    steps.forEach((step, k) => {
      if (k > place) return;
      const backward = !["leaf", "forward"].includes(step.className.split(" ")[0]);
      (backward ? passed : reached).add(step.dataset.node);
    });
    for (const [id, card] of cards) {
      const counted = steps.some((step) => step.dataset.node === id);
      card.classList.toggle("off", playing && counted && !reached.has(id));
      card.classList.toggle("unseen", playing && !passed.has(id));
    }
    const { node, line, other } = steps[place].dataset;
    mark(line, node);
    steps[place].classList.add("on");
    edges.forEach((edge) => {
      const lit = other !== undefined && edge.dataset.from === node && edge.dataset.to === other;
      edge.classList.toggle("on", lit);
    });
    if (scroll) {
      steps[place].scrollIntoView({ block: "nearest" });
      if (cards.has(node)) bring(cards.get(node));
    }
  };
  const now = () => Number(slider.value);
  const moves = { first: () => go(0), back: () => go(now() - 1), on: () => go(now() + 1),
    last: () => { go(steps.length - 1); playing = false; go(steps.length - 1); } };
  all("[data-step]").forEach((b) => b.addEventListener("click", () => moves[b.dataset.step]()));
  if (slider) slider.addEventListener("input", () => go(now()));
  steps.forEach((step, k) => step.addEventListener("click", () => go(k, false)));
  addEventListener("keydown", (event) => {
    if (event.target.matches("input[type=search], input[type=range], textarea")) return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const keys = { ArrowRight: moves.on, ArrowLeft: moves.back, Home: moves.first, End: moves.last,
      "+": () => zoom(1 / 1.2), "-": () => zoom(1.2), 0: fit,
      "/": () => search.focus(), c: () => chosen !== null && collapse(chosen) };
    if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
  });

  // ---- turns of loops --------------------------------------------------------------------
  const spark = (values, turn) => {
    const space = "http://www.w3.org/2000/svg", width = 160, height = 28;
    const made = document.createElementNS(space, "svg");
    made.setAttribute("width", width);
    made.setAttribute("height", height);
    const finite = values.map(Number).filter((x) => Number.isFinite(x));
    if (!finite.length) return made;
    const low = Math.min(...finite), high = Math.max(...finite), span = high - low || 1;
    const point = (x, k) => [k / Math.max(values.length - 1, 1) * (width - 6) + 3,
      height - 3 - (Number(x) - low) / span * (height - 6)];
    const path = document.createElementNS(space, "polyline");
    path.setAttribute("class", "spark");
    path.setAttribute("points", values.map(point).filter(([, y]) => Number.isFinite(y))
      .map((p) => p.map((x) => x.toFixed(1)).join(",")).join(" "));
    const [x, y] = point(values[turn - 1], turn - 1);
    const dot = document.createElementNS(space, "circle");
    dot.setAttribute("class", "spark-at");
    dot.setAttribute("r", 3);
    dot.setAttribute("cx", x.toFixed(1));
    dot.setAttribute("cy", Number.isFinite(y) ? y.toFixed(1) : 0);
    made.append(path, dot);
    return made;
  };
  all("[data-turn]").forEach((input) => {
    const loop = data.turns[Number(input.dataset.turn)], output = one("output", input.closest(".turns"));
    const tell = () => {
      const turn = Number(input.value), parts = [element("b", `${turn} of ${loop.count} `)];
      for (const series of loop.series.slice(0, 6)) {
        const value = series.values[turn - 1];
        const written = typeof value === "number" ? String(Number(value.toPrecision(6))) : value;
        parts.push(element("span", ` ${series.name} = ${written} `), spark(series.values, turn));
      }
      output.replaceChildren(...parts);
    };
    input.addEventListener("input", tell);
    tell();
  });

  // ---- buttons ---------------------------------------------------------------------------
  const copy = async (content, what) => {
    try {
      await navigator.clipboard.writeText(content);
      said.textContent = `${what} is copied`;
    } catch {
      const area = element("textarea", content);
      details.replaceChildren(element("p", `${what}: copy it from here`, "pale"), area);
      area.rows = 12;
      area.focus();
      area.select();
      said.textContent = "";
    }
  };
  const picture = () => {
    const made = svg.cloneNode(true), colours = getComputedStyle(page);
    const sheet = [...document.styleSheets[0].cssRules].map((rule) => rule.cssText).join("\n")
      .replace(/var\((--[a-z_]+)\)/g, (_, name) => colours.getPropertyValue(name).trim());
    const style = document.createElementNS("http://www.w3.org/2000/svg", "style");
    style.textContent = sheet;
    made.prepend(style);
    made.setAttribute("viewBox", whole.join(" "));
    return new XMLSerializer().serializeToString(made);
  };
  const doings = {
    in: () => zoom(1 / 1.2), out: () => zoom(1.2), fit,
    theme: () => { page.dataset.theme = page.dataset.theme === "dark" ? "light" : "dark"; },
    "copy-torch": () => copy(data.torch, "PyTorch"),
    "copy-latex": () => copy(data.latex, "LaTeX"),
    "copy-svg": () => copy(picture(), "SVG"),
  };
  all("[data-do]").forEach((b) => b.addEventListener("click", () => doings[b.dataset.do]()));
  if (steps.length) { go(steps.length - 1, false); }
  playing = false;
  if (steps.length) go(steps.length - 1, false);
  all(".on").forEach((x) => x.classList.remove("on"));
  readable();
})();
