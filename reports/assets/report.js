// The run of a report, step by step. Everything is drawn from its data; what a run said is only ever
// put in as text, never as markup. A page that shows one run after the other calls this for each:
// `signal` ends what listens to the whole document, `live` leaves the address to the page.
function report(D, options) {
  "use strict";
  const { signal, live } = options || {};
  const $ = (id) => document.getElementById(id);
  const SVG = "http://www.w3.org/2000/svg";
  const ROW = 24, LANES_MAX = 24, FOLD = 5, CARDS_MAX = 12, KEEP = 128;
  const root = document.documentElement;

  function el(name, cls, text) {
    const made = document.createElement(name);
    if (cls) made.className = cls;
    if (text !== undefined) made.textContent = text;
    return made;
  }
  function draw(name, at, cls) {
    const made = document.createElementNS(SVG, name);
    for (const key in at) made.setAttribute(key, at[key]);
    if (cls) made.setAttribute("class", cls);
    return made;
  }
  function ms(us) {
    return us < 1e7 ? +(us / 1000).toPrecision(6) + " ms" : +(us / 1e6).toPrecision(6) + " s";
  }

  // --- What the page holds -----------------------------------------------------------------------

  const texts = [], table = $("events");
  for (const tr of table.tBodies[0].rows) texts.push(tr.cells[3].textContent);
  const count = texts.length;
  const books = new Set(D.books), chain = new Set(D.chain), raced = new Set(D.race);
  const born = new Array(D.lanes.length).fill(-1), gone = new Array(D.lanes.length).fill(-1);
  const dead = new Array(D.lanes.length).fill(false), busy = new Array(D.lanes.length).fill(0);
  D.who.forEach((lane, row) => {
    if (born[lane] < 0) born[lane] = row;
    gone[lane] = row;
    busy[lane]++;
    if (D.kinds[row] === "dies" || D.kinds[row] === "end") dead[lane] = true;
  });
  const from = new Map(), to = new Map();
  D.arrows.forEach((arrow) => {
    if (!from.has(arrow[0])) from.set(arrow[0], arrow);
    if (!to.has(arrow[1])) to.set(arrow[1], arrow);
  });
  const mainRow = new Map(); // the row of a step that is its transition, not a note
  D.steps.forEach((step, row) => {
    if (!mainRow.has(step) || D.kinds[mainRow.get(step)] === "note") mainRow.set(step, row);
  });

  // --- The state of the system after a step ------------------------------------------------------

  const kept = [new Map()];
  const copy = (cells) => new Map([...cells].map(([lane, own]) => [lane, new Map(own)]));
  function play(cells, step, told) {
    const flat = D.film[step] || [];
    for (let i = 0; i < flat.length; i += 3) {
      const lane = flat[i], cell = flat[i + 1], value = flat[i + 2];
      let own = cells.get(lane);
      if (!own) cells.set(lane, (own = new Map()));
      if (told) told.push([lane, cell, own.has(cell) ? own.get(cell) : -1]);
      if (value < 0) own.delete(cell);
      else own.set(cell, value);
      if (!own.size) cells.delete(lane);
    }
  }
  function stateAt(step) {
    let block = Math.floor(step / KEEP);
    while (kept.length <= block) {
      const cells = copy(kept[kept.length - 1]), start = (kept.length - 1) * KEEP;
      for (let at = start; at < start + KEEP; at++) play(cells, at);
      kept.push(cells);
    }
    const cells = copy(kept[block]), changed = [];
    for (let at = block * KEEP; at < step; at++) play(cells, at);
    play(cells, step, changed);
    const was = new Map(); // lane -> cell -> value before
    for (const [lane, cell, before] of changed) {
      if (!was.has(lane)) was.set(lane, new Map());
      if (!was.get(lane).has(cell)) was.get(lane).set(cell, before);
    }
    return { cells, was };
  }
  const cellNumber = new Map(D.cells.map((name, at) => [name, at]));
  const laneNumber = new Map(D.lanes.map((lane, at) => [lane[0], at]));
  function list(value) {
    if (value === undefined || value < 0) return [];
    const held = D.values[value];
    return (Array.isArray(held) ? held : [held]).map((at) => D.texts[at]);
  }
  function short(text) {
    const found = /^<root[.\d]*>/.exec(text);
    if (!found || !laneNumber.has(found[0])) return text;
    return D.lanes[laneNumber.get(found[0])][1] + text.slice(found[0].length);
  }
  const say = (value) => list(value).map(short).join("\n");
  const cellOf = (own, name) => (own ? own.get(cellNumber.get(name)) : undefined);

  // --- What is shown -----------------------------------------------------------------------------

  const hidden = new Set(), pinned = new Set();
  let current = 0, shown = [], place = new Map(), laneX = new Map(), laneList = [];
  let hits = [], query = "", timer = null, laneWidth = 90;

  (function chooseLanes() {
    if (D.lanes.length <= LANES_MAX) return;
    const wanted = new Set([...chain].map((row) => D.who[row]));
    const order = D.lanes.map((_, at) => at).sort((a, b) =>
      (wanted.has(b) - wanted.has(a)) || (busy[b] - busy[a]) || (a - b));
    order.slice(LANES_MAX).forEach((lane) => hidden.add(lane));
  })();

  function matches(row) {
    const lane = D.lanes[D.who[row]];
    return (texts[row] + " " + lane[1] + " " + lane[0]).toLowerCase().includes(query);
  }
  function filter() {
    const all = $("books").checked, only = $("only").checked && query;
    shown = [];
    hits = [];
    for (let row = 0; row < count; row++) {
      const hit = query && matches(row);
      if (hit && !hidden.has(D.who[row])) hits.push(row);
      if (chain.has(row)) { shown.push(row); continue; }
      if (hidden.has(D.who[row]) || (!all && books.has(row)) || (only && !hit)) continue;
      shown.push(row);
    }
    place = new Map(shown.map((row, at) => [row, at]));
    const seen = new Set(shown.map((row) => D.who[row]));
    laneList = D.lanes.map((_, at) => at).filter((at) => seen.has(at));
    const room = Math.max(200, $("stage").clientWidth * 0.4);
    laneWidth = Math.max(22, Math.min(110, room / Math.max(1, laneList.length)));
    laneX = new Map(laneList.map((lane, at) => [lane, (at + 0.5) * laneWidth]));
    $("hits").textContent = query ? hits.length + " found" : "";
    root.style.setProperty("--lanes", laneList.length * laneWidth + "px");
    $("space").style.height = shown.length * ROW + "px";
    const fits = Math.max(420, shown.length * ROW + (laneWidth < 64 ? 120 : 46));
    document.querySelector(".panes").style.height = Math.min(fits, Math.max(420, innerHeight - 130)) + "px";
    header();
    select(nearest(current), true);
  }
  function nearest(row) {
    let low = 0, high = shown.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (shown[middle] < row) low = middle + 1;
      else high = middle;
    }
    return shown.length ? shown[low] : 0;
  }
  function header() {
    const box = $("lanes");
    box.replaceChildren();
    const tilted = laneWidth < 64;
    box.className = tilted ? "tilted" : "";
    for (const lane of laneList) {
      const name = el("span", "lane " + D.lanes[lane][2]);
      name.append(el("b", "", D.lanes[lane][1]), el("small", "", D.lanes[lane][0]));
      name.title = D.lanes[lane][1] + " " + D.lanes[lane][0];
      name.style.left = laneX.get(lane) - (tilted ? 8 : laneWidth / 2) + "px";
      if (!tilted) name.style.width = laneWidth + "px";
      box.append(name);
    }
  }

  // --- The space-time diagram: only the rows that can be seen -------------------------------------

  let drawn = "";
  function stage(force) {
    const box = $("stage"), first = Math.max(0, Math.floor(box.scrollTop / ROW) - 8);
    const last = Math.min(shown.length, Math.ceil((box.scrollTop + box.clientHeight) / ROW) + 8);
    const key = first + " " + last;
    if (!force && key === drawn) return;
    drawn = key;
    const svg = draw("svg", { width: laneList.length * laneWidth, height: (last - first) * ROW }, "space");
    svg.style.top = first * ROW + "px";
    svg.setAttribute("aria-hidden", "true");
    svg.append(heads());
    lines(svg, first, last);
    paths(svg, first, last);
    for (let at = first; at < last; at++) svg.append(dot(shown[at], at - first));
    const rows = [];
    for (let at = first; at < last; at++) rows.push(line(at));
    $("space").replaceChildren(svg, ...rows);
    $("stage").setAttribute("aria-activedescendant", "r" + current);
  }
  function heads() {
    const defs = draw("defs", {});
    for (const kind of ["message", "unread", "timer", "exit", "down", "spawn", "hot"]) {
      const marker = draw("marker", { id: "to-" + kind, viewBox: "0 0 8 8", refX: 7, refY: 4,
        markerWidth: 9, markerHeight: 9, markerUnits: "userSpaceOnUse", orient: "auto" });
      marker.append(draw("path", { d: "M0,0 L8,4 L0,8 z" }, "head " + kind));
      defs.append(marker);
    }
    return defs;
  }
  const y = (at) => at * ROW + ROW / 2;
  function lines(svg, first, last) {
    for (const lane of laneList) {
      const start = nearestPlace(born[lane]);
      const end = dead[lane] ? nearestPlace(gone[lane]) : shown.length;
      if (end < first || start > last) continue;
      svg.append(draw("line", { x1: laneX.get(lane), x2: laneX.get(lane),
        y1: y(Math.max(start, first - 1) - first), y2: y(Math.min(end, last) - first) }, "life"));
    }
  }
  function nearestPlace(row) {
    const found = place.get(nearest(row));
    return found === undefined ? 0 : found;
  }
  function paths(svg, first, last) {
    for (const [source, target, kind] of D.arrows) {
      const a = place.get(source), b = place.get(target);
      if (a === undefined || b === undefined || b < first || a > last) continue;
      const x1 = laneX.get(D.who[source]), x2 = laneX.get(D.who[target]);
      if (x1 === undefined || x2 === undefined) continue;
      const y1 = y(a - first), y2 = y(b - first), hot = source === current || target === current;
      const bow = x1 === x2 ? Math.min(laneWidth * 0.4, 26) : 0;
      const d = bow
        ? `M${x1},${y1} C${x1 + bow},${y1} ${x1 + bow},${y2} ${x1 + 5},${y2}`
        : `M${x1},${y1} L${x2 + (x1 < x2 ? -6 : 6)},${y2 - (Math.abs(y2 - y1) > ROW ? 2 : 0)}`;
      const led = chain.has(source) && chain.has(target);
      svg.append(draw("path", { d, "marker-end": `url(#to-${hot ? "hot" : kind})` },
        "arrow " + kind + (led ? " led" : "") + (hot ? " hot" : "")));
    }
  }
  function dot(row, at) {
    const x = laneX.get(D.who[row]) || 0, kind = D.kinds[row], cls = "dot " + kind;
    if (kind === "dies" || kind === "exit" || kind === "down" || kind === "fault") {
      return draw("path", { d: `M${x - 5},${y(at) - 5} l10,10 m0,-10 l-10,10` }, cls);
    }
    if (["timer", "fire", "expire", "timeout", "done", "work", "enter"].includes(kind)) {
      return draw("path", { d: `M${x},${y(at) - 5} l5,5 l-5,5 l-5,-5 z` }, cls);
    }
    if (kind === "end" || kind === "rest" || kind === "state") {
      return draw("rect", { x: x - 4, y: y(at) - 4, width: 8, height: 8 }, cls);
    }
    return draw("circle", { cx: x, cy: y(at), r: kind === "note" ? 1.5 : 4 }, cls);
  }
  function line(at) {
    const row = shown[at], box = el("div", "row");
    box.id = "r" + row;
    box.style.top = at * ROW + "px";
    box.setAttribute("role", "option");
    box.setAttribute("aria-selected", String(row === current));
    box.setAttribute("aria-posinset", String(at + 1));
    box.setAttribute("aria-setsize", String(shown.length));
    if (chain.has(row)) box.classList.add("led");
    if (row === D.finding) box.classList.add("finding");
    if (raced.has(row)) box.classList.add("race");
    if (query && matches(row)) box.classList.add("hit");
    if (D.kinds[row] === "note") box.classList.add("note");
    const before = at ? D.times[shown[at - 1]] : -1;
    if (at && D.times[row] > before) box.classList.add("later");
    const isNote = D.kinds[row] === "note";
    box.append(el("span", "step", isNote ? "" : D.steps[row]));
    box.append(el("span", "time", D.times[row] !== before ? ms(D.times[row]) : ""));
    const said = el("span", "said");
    if (row === D.finding) said.append(el("span", "sign finding", "here it shows"));
    if (raced.has(row)) said.append(el("span", "sign race", D.race.length > 1 ? "raced" : "decides"));
    said.append(el("b", "", D.lanes[D.who[row]][1]), " " + texts[row]);
    said.title = texts[row];
    box.append(said);
    return box;
  }

  // --- The tree ----------------------------------------------------------------------------------

  function tree(state) {
    const alive = [...state.cells.keys()].filter((lane) => lane >= 0);
    const just = [...state.was.keys()].filter((lane) => lane >= 0 && !state.cells.has(lane));
    const every = [...alive, ...just];
    const here = new Set(every.map((lane) => D.lanes[lane][0]));
    const below = new Map([["", []]]);
    for (const lane of every) {
      let path = D.lanes[lane][0].slice(0, -1);
      do path = path.includes(".") ? path.slice(0, path.lastIndexOf(".")) : "";
      while (path && !here.has(path + ">"));
      const parent = path ? path + ">" : "";
      if (!below.has(parent)) below.set(parent, []);
      below.get(parent).push(lane);
    }
    const top = branch("", below, state);
    $("tree").replaceChildren(top || el("p", "missing", D.film.length ? "nobody is alive" : "not known"));
  }
  function branch(pid, below, state) {
    const own = pid ? state.cells.get(laneNumber.get(pid)) : undefined;
    const lanes = (below.get(pid) || []).slice().sort((a, b) => a - b);
    const missing = list(cellOf(own, "children")).filter((text) => !text.startsWith("<root"));
    if (!lanes.length && !missing.length) return null;
    const ul = el("ul"), groups = new Map();
    for (const lane of lanes) {
      const kind = D.lanes[lane][1].replace(/ \d+$/, "");
      const key = below.has(D.lanes[lane][0]) ? "=" + lane : kind;
      if (!groups.has(key)) groups.set(key, []);
      groups.get(key).push(lane);
    }
    for (const [key, group] of groups) {
      if (group.length > FOLD && !group.includes(D.who[current])) {
        const li = el("li"), more = el("details");
        more.append(el("summary", "", `${key} × ${group.length}`));
        const inner = el("ul");
        group.slice(0, 200).forEach((lane) => inner.append(leaf(lane, below, state)));
        more.append(inner);
        li.append(more);
        ul.append(li);
      } else group.forEach((lane) => ul.append(leaf(lane, below, state)));
    }
    for (const text of missing) {
      const li = el("li"), node = el("span", "node gone");
      const restarting = text.startsWith("restarting");
      node.append(el("b", "", text.replace(/^(restarting|not running) /, "")),
        el("i", "", restarting ? " ↻ restarting" : " ✖ not running"));
      li.append(node);
      ul.append(li);
    }
    return ul;
  }
  function leaf(lane, below, state) {
    const own = state.cells.get(lane), [pid, label, kind] = D.lanes[lane], li = el("li");
    const node = el("button", "node " + kind);
    node.type = "button";
    if (!own) node.classList.add("gone");
    if (state.was.has(lane)) node.classList.add("changed");
    if (lane === D.who[current]) node.classList.add("acting");
    node.append(el("b", "", label));
    const facts = [];
    const name = say(cellOf(own, "name")), strategy = say(cellOf(own, "strategy"));
    if (name && name !== label) facts.push("“" + name + "”");
    if (strategy) facts.push(strategy, "restarts " + say(cellOf(own, "restarts")));
    if (kind === "machine" && own) facts.push(say(cellOf(own, "state")));
    const mail = list(cellOf(own, "mailbox")).length;
    if (mail) facts.push("✉ " + mail);
    const status = own ? say(cellOf(own, "status")) : "";
    if (status === "exiting") facts.push("✖ exiting");
    if (own && own.has(cellNumber.get("waits for"))) facts.push("◆ waits");
    if (facts.length) node.append(el("span", "facts", facts.join(" · ")));
    if (!own) node.append(el("i", "", " ✖ ended"));
    node.append(el("small", "", pid));
    node.addEventListener("click", () => {
      pinned.has(lane) ? pinned.delete(lane) : pinned.add(lane);
      select(current, true);
    });
    node.setAttribute("aria-pressed", String(pinned.has(lane)));
    li.append(node);
    const inner = branch(pid, below, state);
    if (inner) li.append(inner);
    return li;
  }

  // --- States ------------------------------------------------------------------------------------

  function states(state) {
    const here = D.who[current], arrow = to.get(current) || from.get(current);
    const peer = arrow ? D.who[arrow[0] === current ? arrow[1] : arrow[0]] : -2;
    const rank = (lane) => (lane === here ? 0 : lane === peer ? 1 : pinned.has(lane) ? 2
      : state.was.has(lane) ? 3 : 4);
    const lanes = [...new Set([...state.cells.keys(), ...state.was.keys()])]
      .sort((a, b) => rank(a) - rank(b) || a - b);
    const cards = lanes.slice(0, CARDS_MAX).map((lane) => card(lane, state));
    if (lanes.length > CARDS_MAX) {
      cards.push(el("p", "missing", `and ${lanes.length - CARDS_MAX} more: press one in the tree`));
    }
    $("states").replaceChildren(...cards);
  }
  function card(lane, state) {
    const own = state.cells.get(lane) || new Map(), was = state.was.get(lane) || new Map();
    const made = el("table", "card"), caption = el("caption");
    if (lane < 0) caption.append(el("b", "", "names and tables"));
    else caption.append(el("b", "", D.lanes[lane][1]), el("small", "", " " + D.lanes[lane][0]));
    if (lane === D.who[current]) made.classList.add("acting");
    const ended = lane >= 0 && !state.cells.has(lane);
    if (ended) caption.append(el("i", "", " ✖ ended; it was last"));
    made.append(caption);
    const body = el("tbody");
    const cells = [...new Set([...own.keys(), ...was.keys()])].filter((at) => D.cells[at] !== "children");
    cells.sort((a, b) => order(D.cells[a]) - order(D.cells[b]) || a - b);
    for (const at of cells) {
      const tr = el("tr", was.has(at) ? "changed" : ""), th = el("th", "", D.cells[at]);
      th.scope = "row";
      const td = el("td");
      if (ended) {
        td.textContent = say(was.get(at));
        tr.className = "";
      } else if (was.has(at)) {
        const before = say(was.get(at)), now = own.has(at) ? say(own.get(at)) : "";
        th.append(el("span", "sr", " changed"));
        if (before && before.length + now.length < 120 && !before.includes("\n")) {
          td.append(el("del", "", before), " → ");
        }
        td.append(el("ins", "", now || "nothing"));
      } else td.textContent = say(own.get(at));
      tr.append(th, td);
      body.append(tr);
    }
    made.append(body);
    return made;
  }
  const ORDER = ["status", "waits for", "at", "state", "data", "mailbox", "postponed", "timers"];
  function order(cell) {
    const at = ORDER.indexOf(cell.split(" › ")[0]);
    return at < 0 ? ORDER.length : at;
  }

  // --- One place for all that moves together ------------------------------------------------------

  function select(row, keep) {
    current = row;
    const step = D.steps[row], at = place.get(row) || 0, box = $("stage");
    const top = at * ROW;
    if (top < box.scrollTop + 2 * ROW || top > box.scrollTop + box.clientHeight - 4 * ROW) {
      box.scrollTop = Math.max(0, top - box.clientHeight / 2);
    }
    stage(true);
    $("scrub").value = String(at);
    $("scrub").max = String(Math.max(0, shown.length - 1));
    $("scrub").setAttribute("aria-valuetext", `step ${step}, ${ms(D.times[row])}`);
    $("where").textContent = `step ${step} · ${ms(D.times[row])}`;
    const state = stateAt(step);
    tree(state);
    states(state);
    if (!keep && !live) history.replaceState(null, "", "#step=" + step);
    document.dispatchEvent(new CustomEvent("step", { detail: step }));
  }
  function move(by) {
    const at = Math.max(0, Math.min(shown.length - 1, (place.get(current) || 0) + by));
    if (shown.length) select(shown[at]);
  }
  function goTo(step) {
    const row = mainRow.has(step) ? mainRow.get(step) : nearest(D.steps.findIndex((s) => s >= step));
    if (row === undefined || row < 0) return;
    if (!place.has(row)) {
      hidden.delete(D.who[row]);
      if (books.has(row)) $("books").checked = true;
      current = row;
      filter();
    }
    select(place.has(row) ? row : nearest(row));
  }
  function fromHash() {
    const found = /^#step=(\d+)$/.exec(location.hash);
    if (found) goTo(Number(found[1]));
    return Boolean(found);
  }
  function jump(by) {
    if (!hits.length) return;
    const next = by > 0 ? hits.find((row) => row > current) : hits.findLast((row) => row < current);
    const row = next === undefined ? (by > 0 ? hits[0] : hits[hits.length - 1]) : next;
    if (!place.has(row)) { $("books").checked = true; filter(); }
    select(row);
  }
  function toggle() {
    if (timer) clearInterval(timer);
    timer = timer ? null : setInterval(() => {
      if (current === shown[shown.length - 1]) toggle();
      else move(1);
    }, 450);
    $("play").textContent = timer ? "❚❚ pause" : "▶ play";
  }
  const goal = () => D.finding !== null && select(D.finding);

  // --- Marks over the scrubber, processes to hide, and the controls --------------------------------

  (function marks() {
    const SIGNS = { dies: "✖", fault: "⚡", restart: "↻" };
    const told = D.marks.slice(0, 400).map(([row, kind]) => [row, kind, SIGNS[kind]]);
    if (D.finding !== null) told.push([D.finding, "finding", "★"]);
    for (const [row, kind, sign] of told) {
      const made = el("span", kind, sign);
      made.style.left = (100 * row) / Math.max(1, count - 1) + "%";
      $("marks").append(made);
    }
  })();
  (function people() {
    const all = el("button", "", "all"), none = el("button", "", "none");
    all.type = none.type = "button";
    const boxes = [];
    all.addEventListener("click", () => set(true));
    none.addEventListener("click", () => set(false));
    function set(on) {
      boxes.forEach(([box, lane]) => { box.checked = on; on ? hidden.delete(lane) : hidden.add(lane); });
      filter();
    }
    $("who").append(all, none);
    D.lanes.forEach((lane, at) => {
      const label = el("label"), box = el("input");
      box.type = "checkbox";
      box.checked = !hidden.has(at);
      box.addEventListener("change", () => {
        box.checked ? hidden.delete(at) : hidden.add(at);
        filter();
      });
      boxes.push([box, at]);
      label.append(box, ` ${lane[1]} `, el("small", "", `${lane[0]} · ${busy[at]} events`));
      $("who").append(label);
    });
  })();

  $("stage").addEventListener("scroll", () => requestAnimationFrame(() => stage(false)));
  $("space").addEventListener("click", (event) => {
    const row = event.target.closest(".row");
    if (row) select(Number(row.id.slice(1)));
  });
  $("scrub").addEventListener("input", () => select(shown[Number($("scrub").value)]));
  $("first").addEventListener("click", () => move(-count));
  $("last").addEventListener("click", () => move(count));
  $("back").addEventListener("click", () => move(-1));
  $("on").addEventListener("click", () => move(1));
  $("play").addEventListener("click", toggle);
  $("goal").addEventListener("click", goal);
  $("books").addEventListener("change", filter);
  $("only").addEventListener("change", filter);
  $("search").addEventListener("input", () => {
    query = $("search").value.trim().toLowerCase();
    filter();
  });
  $("search").addEventListener("keydown", (event) => {
    if (event.key === "Enter") jump(event.shiftKey ? -1 : 1);
    if (event.key === "Escape") $("stage").focus();
  });
  $("show-table").addEventListener("click", () => root.classList.toggle("tabled"));
  const KEYS = {
    j: () => move(1), ArrowDown: () => move(1), ArrowRight: () => move(1), k: () => move(-1),
    ArrowUp: () => move(-1), ArrowLeft: () => move(-1), PageDown: () => move(20),
    PageUp: () => move(-20), Home: () => move(-count), End: () => move(count), " ": toggle,
    n: () => jump(1), N: () => jump(-1), g: goal, "/": () => $("search").focus(),
  };
  document.addEventListener("keydown", (event) => {
    const inside = event.target.closest("input, button, summary, a, select, textarea");
    const writes = inside && (inside.type === "search" || inside.type === "range");
    if (event.ctrlKey || event.metaKey || event.altKey || writes || !KEYS[event.key]) return;
    if (inside && event.key === " ") return;
    event.preventDefault();
    KEYS[event.key]();
  }, { signal });
  if (!live) window.addEventListener("hashchange", fromHash);
  window.addEventListener("resize", filter, { signal });
  filter();
  const end = live ? shown[shown.length - 1] : D.finding;
  if (live || !fromHash()) select(end !== null && end !== undefined ? end : nearest(0), true);
}
(function () {
  "use strict";
  const root = document.documentElement, held = document.getElementById("data");
  document.getElementById("theme").addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });
  if (held) report(JSON.parse(held.textContent));
})();
