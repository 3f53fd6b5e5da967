"use strict";
(() => {
  const WAIT = 250; // ms without a change, after which the text is run
  const INDENT = "    ";
  const one = (id) => document.getElementById(id);
  const text = one("text"), numbers = one("numbers"), line = one("line"), error = one("error");
  const report = one("report"), status = one("status"), said = one("said"), page = newName();
  const kept = (name) => `${location.pathname}:${name}`; // another start has another address
  let start = null, sample = "", mark = "", timer = 0, running = null, bad = [];

  function newName() {
    return [...crypto.getRandomValues(new Uint8Array(12))].map((b) => b.toString(16)).join("");
  }

  async function ask(path, body, signal) {
    const how = body === undefined ? {} : { method: "POST", body: JSON.stringify(body), signal,
      headers: { "Content-Type": "application/json" } };
    const answer = await fetch(path, how);
    if (!answer.ok) throw new Error((await answer.text()).trim() || `status ${answer.status}`);
    return answer.json();
  }

  // ---- what is kept over a reload ---------------------------------------------------------
  function keep() {
    const state = { text: text.value, line: line.value, sample, mark };
    try { sessionStorage.setItem(kept("state"), JSON.stringify(state)); } catch { /* it is full */ }
  }
  function found() {
    try { return JSON.parse(sessionStorage.getItem(kept("state"))); } catch { return null; }
  }

  // ---- the editor -------------------------------------------------------------------------
  function number() {
    const count = text.value.split("\n").length;
    while (numbers.childElementCount > count) numbers.lastChild.remove();
    while (numbers.childElementCount < count) {
      const next = numbers.appendChild(document.createElement("div"));
      next.textContent = numbers.childElementCount;
    }
    numbers.scrollTop = text.scrollTop;
  }
  function show(lines) {
    for (const k of bad) numbers.children[k - 1]?.classList.remove("bad");
    bad = lines;
    for (const k of bad) numbers.children[k - 1]?.classList.add("bad");
    band();
  }
  function band() {
    // behind the text, where the lines are
    const paint = "linear-gradient(var(--marked),var(--marked))";
    text.style.backgroundImage = bad.map(() => paint).join(",");
    text.style.backgroundSize = bad.map(() => "100% 19px").join(",");
    text.style.backgroundPosition =
      bad.map((k) => `0 ${8 + 19 * (k - 1) - text.scrollTop}px`).join(",");
  }
  function insert(what) {
    // this way the browser can undo it
    if (!document.execCommand("insertText", false, what)) {
      text.setRangeText(what, text.selectionStart, text.selectionEnd, "end");
      changed();
    }
  }
  function indent(back) {
    const { value, selectionStart: a, selectionEnd: b } = text;
    const first = value.lastIndexOf("\n", a - 1) + 1;
    if (a === b && !back) {
      insert(INDENT.slice((a - first) % INDENT.length));
      return;
    }
    const lines = value.slice(first, b).split("\n");
    const moved = lines.map((l) => (back ? l.replace(/^( {1,4}|\t)/, "") : l && INDENT + l));
    const all = moved.join("\n");
    if (all === lines.join("\n")) return;
    text.setSelectionRange(first, b);
    insert(all);
    if (a === b) {
      text.setSelectionRange(...Array(2).fill(Math.max(first, a - (lines[0].length - moved[0].length))));
    } else {
      text.setSelectionRange(first, first + all.length);
    }
  }
  let leaving = false; // after Esc, Tab leaves
  text.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { leaving = true; return; }
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Tab" && !leaving) {
      event.preventDefault();
      indent(event.shiftKey);
    } else if (event.key === "Enter") {
      event.preventDefault();
      const before = text.value.slice(0, text.selectionStart);
      const current = before.slice(before.lastIndexOf("\n") + 1);
      insert("\n" + current.match(/^[ \t]*/)[0] + (/:\s*(#.*)?$/.test(current) ? INDENT : ""));
    }
    if (event.key !== "Shift") leaving = false;
  });
  text.addEventListener("scroll", () => { numbers.scrollTop = text.scrollTop; band(); });
  text.addEventListener("input", changed);
  line.addEventListener("input", changed);

  // ---- runs -------------------------------------------------------------------------------
  function changed() {
    number();
    keep();
    unsaved();
    clearTimeout(timer);
    timer = setTimeout(run, WAIT);
  }
  async function run() {
    clearTimeout(timer);
    running?.abort();
    const mine = running = new AbortController();
    report.setAttribute("aria-busy", "true");
    status.textContent = "running…";
    const began = performance.now();
    try {
      const asked = { page, text: text.value, line: line.value, sample, theme: theme() };
      const answer = await ask("run", asked, mine.signal);
      if (mine !== running || answer.cancelled) return;
      if (answer.error === undefined) good(answer, began);
      else wrong(answer.error, answer.lines);
    } catch (fault) {
      if (mine === running && fault.name !== "AbortError") lost(fault);
    } finally {
      if (mine === running) report.setAttribute("aria-busy", "false");
    }
  }
  function good(answer, began) {
    error.hidden = true;
    show([]);
    printed(answer.printed);
    frame(`../${answer.report}/`);
    const nodes = `${answer.nodes.toLocaleString("en")} node${answer.nodes === 1 ? "" : "s"}`;
    tell(`ran in ${time(answer.seconds * 1000)} · ${nodes} · shown after ` +
      `${time(performance.now() - began)} · ${new Date().toLocaleTimeString()}`, false);
  }
  function time(ms) {
    return ms < 1000 ? `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
  }
  function wrong(message, lines) {
    error.replaceChildren(...message.split("\n").map((words) => {
      const row = document.createElement("div");
      row.className = /^\s*\d* │/.test(words) ? "excerpt" : "";
      row.textContent = words;
      return row;
    }));
    error.hidden = false;
    show(lines);
    tell("there is an error: the report is the last good one", true);
  }
  function lost(fault) {
    const gone = fault instanceof TypeError; // so fetch says that nobody answers
    tell(gone ? "gradcli does not answer: has it been ended? The text is kept in this tab."
      : `not run: ${fault.message}`, true);
  }
  function tell(words, stale) {
    status.textContent = words;
    status.classList.toggle("bad", stale);
    report.classList.toggle("stale", stale);
    one("waiting").hidden = !stale || report.querySelector("iframe") !== null;
    one("waiting").textContent = "No run has been good yet.";
  }
  function printed(words) {
    one("output").hidden = !words;
    one("printed").textContent = words;
  }
  function frame(address) {
    // the old report stays until the new one is there
    for (const late of report.querySelectorAll("iframe.next")) late.remove();
    const next = document.createElement("iframe");
    next.className = "next";
    next.title = "Report";
    next.setAttribute("sandbox", "allow-scripts");
    next.allow = "clipboard-write *";
    next.addEventListener("load", () => {
      if (!next.isConnected) return;
      next.className = "";
      for (const old of report.querySelectorAll("iframe")) if (old !== next) old.remove();
    });
    next.src = address;
    report.append(next);
  }

  // ---- samples, files, colours, widths ----------------------------------------------------
  one("samples").addEventListener("change", (event) => {
    const chosen = start.samples.find((s) => s.name === event.target.value);
    event.target.value = "";
    if (!chosen) return;
    sample = chosen.name;
    line.value = chosen.line;
    text.focus();
    text.select();
    insert(chosen.text);
    text.setSelectionRange(0, 0);
    text.scrollTop = 0;
    changed();
    run();
  });
  one("download").addEventListener("click", () => {
    const link = document.createElement("a");
    const name = sample && text.value ? `${sample}.expr` : start.name.split(/[\\/]/).pop();
    link.href = URL.createObjectURL(new Blob([text.value], { type: "text/plain" }));
    link.download = name.endsWith(".expr") ? name : "play.expr";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
  let saved = ""; // the text as the file has it
  function unsaved() {
    if (start?.file) one("save").disabled = text.value === saved;
  }
  async function save() {
    const content = text.value;
    try {
      let answer = await ask("save", { text: content, mark });
      const question = `${start.name} has been changed by another program. Write over it?`;
      if (answer.done === "changed" && confirm(question)) {
        answer = await ask("save", { text: content, mark: answer.mark });
      }
      if (answer.done === "saved") {
        mark = answer.mark;
        saved = content;
      }
      said.textContent = answer.error ?? (answer.done === "saved"
        ? `saved at ${new Date().toLocaleTimeString()}` : "not saved");
      keep();
      unsaved();
    } catch (fault) {
      said.textContent = `not saved: ${fault.message}`;
    }
  }
  one("save").addEventListener("click", save);
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s") {
      event.preventDefault();
      if (start?.file) save(); else one("download").click();
    }
  });
  const theme = () => document.documentElement.dataset.theme;
  const put = (name) => { document.documentElement.dataset.theme = name; };
  const dark = matchMedia("(prefers-color-scheme: dark)");
  put(dark.matches ? "dark" : "light");
  dark.addEventListener("change", () => { put(dark.matches ? "dark" : "light"); run(); });
  one("theme").addEventListener("click", () => { put(theme() === "dark" ? "light" : "dark"); run(); });

  const between = one("between");
  const part = (x) => {
    const percent = Math.min(75, Math.max(20, x));
    document.documentElement.style.setProperty("--left", `${percent.toFixed(1)}%`);
    between.setAttribute("aria-valuenow", Math.round(percent));
    return percent;
  };
  let left = part(38);
  between.addEventListener("pointerdown", (event) => {
    between.setPointerCapture(event.pointerId);
    report.style.pointerEvents = "none"; // the report would take the pointer
  });
  between.addEventListener("pointermove", (event) => {
    if (between.hasPointerCapture(event.pointerId)) left = part(100 * event.clientX / innerWidth);
  });
  between.addEventListener("lostpointercapture", () => { report.style.pointerEvents = ""; });
  between.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -2, ArrowRight: 2 }[event.key];
    if (step) { event.preventDefault(); left = part(left + step); }
  });
  addEventListener("pagehide", keep);

  // ---- the beginning ----------------------------------------------------------------------
  ask("start").then((answer) => {
    start = answer;
    one("name").textContent = document.title = start.name.startsWith("<") ? "gradcli play" : start.name;
    one("save").hidden = !start.file;
    for (const { name } of start.samples) {
      one("samples").append(new Option(name.replaceAll("_", " "), name));
    }
    const before = found() ?? { text: start.text, line: start.line, sample: "", mark: start.mark };
    ({ sample, mark } = before);
    text.value = before.text;
    line.value = before.line;
    saved = mark === start.mark ? start.text : "";
    number();
    unsaved();
    run();
  }).catch(lost);
})();
