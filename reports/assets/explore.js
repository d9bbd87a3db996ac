// Driving a system by hand. The address holds the path; every situation is asked of the server,
// which runs the system along it. What it answers is our own markup, in which all else is escaped.
(function () {
  "use strict";
  const $ = (id) => document.getElementById(id);
  const main = document.querySelector("main");
  let path = [], looked = null, ends = new AbortController(), asked = 0, over = false, job = 0;

  // --- The path in the address: 0*12,2 is twelve times the first choice, then the third -----------

  function read() {
    const found = /^#path=([\d,*]*)$/.exec(location.hash), places = [];
    for (const part of found && found[1] ? found[1].split(",") : []) {
      const [place, times] = part.split("*").map(Number);
      for (let i = 0; i < (times || 1) && places.length < 5001; i++) places.push(place);
    }
    return places;
  }
  function write(places) {
    const parts = [];
    for (let at = 0, end; at < places.length; at = end) {
      for (end = at; end < places.length && places[end] === places[at]; end++);
      if (end - at > 3) parts.push(`${places[at]}*${end - at}`);
      else for (let i = at; i < end; i++) parts.push(String(places[at]));
    }
    return parts.join(",");
  }
  const go = (places) => { location.hash = "path=" + write(places); };

  // --- Asking the server --------------------------------------------------------------------------

  async function ask(what, body) {
    const options = body === undefined ? {} : { method: "POST", body: JSON.stringify(body),
      headers: { "Content-Type": "application/json" } };
    const answer = await fetch(what, { cache: "no-store", ...options });
    if (!answer.ok) throw new Error(`the server says ${answer.status}: ${await answer.text()}`);
    return answer.json();
  }
  function put(id, html) {
    const made = new DOMParser().parseFromString(html || "", "text/html");
    $(id).replaceChildren(...made.body.childNodes);
  }
  function failed(error) {
    $("error").textContent = error instanceof TypeError
      ? "✖ The server does not answer: has `simkernel explore` been ended?" : "✖ " + error.message;
  }

  async function show() {
    const mine = ++asked;
    main.classList.add("busy");
    main.setAttribute("aria-busy", "true");
    try {
      const told = await ask("situation?path=" + write(read()));
      if (mine !== asked) return;
      path = told.path;
      over = told.over;
      if (write(path) !== write(read())) history.replaceState(null, "", "#path=" + write(path));
      $("here").textContent = told.here;
      put("error", told.error);
      put("choices", told.choices);
      put("watch", told.watch);
      put("run", told.run);
      ends.abort();
      ends = new AbortController();
      looked = path.length - 1;
      if (told.data) report(told.data, { signal: ends.signal, live: true });
      $("undo").disabled = !path.length;
      $("run-on").disabled = over;
      back();
    } catch (error) {
      if (mine === asked) failed(error);
    } finally {
      if (mine === asked) {
        main.classList.remove("busy");
        main.setAttribute("aria-busy", "false");
        main.dataset.at = write(path); // where it stands, for whoever waits for it
      }
    }
  }
  function back() {
    $("back-to").disabled = looked === null || looked >= path.length - 1;
  }
  document.addEventListener("step", (event) => { looked = event.detail; back(); });

  // --- What a person can do -----------------------------------------------------------------------

  function choose(place) {
    const button = $("choices").querySelector(`[data-choice="${place}"]`);
    if (button && !main.classList.contains("busy")) go([...path, place]);
  }
  const undo = () => path.length && go(path.slice(0, -1));
  const backTo = () => $("back-to").disabled || go(path.slice(0, looked + 1));
  async function runOn() {
    try {
      const told = await ask("on?path=" + write(path));
      go(told.path);
    } catch (error) { failed(error); }
  }
  async function save() {
    try {
      put("answer", (await ask("save", { path: write(path) })).saved);
    } catch (error) { failed(error); }
  }
  async function seek() {
    const mine = ++job;
    try {
      const started = await ask("search", { path: write(path) });
      for (;;) {
        const told = await ask("search?job=" + started.job);
        if (mine !== job) return;
        put("answer", told.answer);
        if (told.done) return;
        const stop = document.createElement("button");
        stop.textContent = "stop";
        stop.addEventListener("click", () => { job++; ask("stop", {}); put("answer", ""); });
        $("answer").append(stop);
        await new Promise((on) => setTimeout(on, 400));
      }
    } catch (error) { if (mine === job) failed(error); }
  }

  $("choices").addEventListener("click", (event) => {
    const button = event.target.closest("[data-choice]");
    if (button) choose(Number(button.dataset.choice));
  });
  const ACTIONS = { undo, "run-on": runOn, "back-to": backTo, restart: () => go([]), seek, save };
  for (const id in ACTIONS) $(id).addEventListener("click", ACTIONS[id]);
  const KEYS = { u: undo, r: runOn, b: backTo };
  document.addEventListener("keydown", (event) => {
    const inside = event.target.closest("input, select, textarea");
    if (event.ctrlKey || event.metaKey || event.altKey || (inside && inside.type === "search")) return;
    if (/^[1-9]$/.test(event.key)) choose(Number(event.key) - 1);
    else if (KEYS[event.key]) KEYS[event.key]();
    else return;
    event.preventDefault();
  });
  window.addEventListener("hashchange", show);
  show();
})();
