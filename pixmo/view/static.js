"use strict";
// The script of a static site. It fills the page of the rows from files of data, then view.js, which every page has, takes over.

(() => {
  const root = new URL("../", document.currentScript.src);
  const FILES = Number(document.body.dataset.files), PER_FILE = Number(document.body.dataset.perFile), PER_PAGE = 24;
  const KEYS = [
    ["← →", "the page or row before, the next"], ["j k", "the next card, the one before"], ["Enter", "open it"], ["/", "search"],
    ["+ − 0", "larger, smaller, as at first"], ["Esc", "back to the rows"], ["?", "this list"],
  ];
  const get = (id) => document.getElementById(id);
  const params = new URLSearchParams(location.search);
  const files = [];
  let columns = [];

  globalThis.pixmoRows = (number, told) => {
    files[number] = told.rows;
    columns = told.columns ?? columns;
  };

  function make(name, attributes = {}, ...children) {
    const isDrawing = ["svg", "g", "circle"].includes(name);
    const made = isDrawing ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (value !== null && value !== false) made.setAttribute(key, value === true ? "" : value);
    }
    made.append(...children.filter((child) => child !== null));
    return made;
  }

  function script(path) {
    return new Promise((done, failed) => {
      const made = make("script", { src: new URL(path, root) });
      made.addEventListener("load", done);
      made.addEventListener("error", () => failed(new Error(`${path} cannot be read`)));
      document.head.append(made);
    });
  }

  const need = (number) => (files[number] ? null : script(`data/${number}.js`));
  const all = async () => {
    await Promise.all(Array.from({ length: FILES }, (_, n) => need(n)));
    return files.flat();
  };

  // --- what is asked for: the same addresses as those of `pixmo view`

  const OPS = { is: "=", not: "≠", lt: "<", le: "≤", gt: ">", ge: "≥", has: "has", starts: "starts" };

  function asked() {
    const filters = [];
    for (const [name, value] of params) {
      if (!name.startsWith("f.") || value.trim() === "") continue;
      const dot = name.lastIndexOf("."), op = name.slice(dot + 1), column = name.slice(2, dot);
      if (!(op in OPS) || dot < 3) throw new Error(`filter ${name}: write f.COLUMN.OP, with OP one of ${Object.keys(OPS).join(", ")}`);
      filters.push({ name, column, op, value: value.trim() });
    }
    const seed = params.get("seed")?.trim();
    if (seed && !/^[0-9]{1,18}$/.test(seed)) throw new Error(`seed ${seed}: give a whole number from 0`);
    return { search: (params.get("q") ?? "").trim(), filters, sort: seed ? "" : (params.get("sort") ?? ""), descending: ["1", "yes", "true", "on"].includes(params.get("descending")), seed };
  }

  const isPlain = (query) => !query.search && !query.filters.length && !query.sort && !query.seed;

  function column(name) {
    const at = columns.findIndex(([known]) => known === name);
    if (at < 0) throw new Error(`no column ${name}; there are ${columns.map(([known]) => known).join(", ")}`);
    return { at, kind: columns[at][1] };
  }

  const COMPARE = {
    is: (a, b) => a === b, not: (a, b) => a !== b, lt: (a, b) => a < b, le: (a, b) => a <= b, gt: (a, b) => a > b, ge: (a, b) => a >= b,
  };

  function test({ column: name, op, value }) {
    const { at, kind } = column(name);
    if (op === "has" || op === "starts") {
      const wanted = value.toLowerCase(), how = op === "has" ? "includes" : "startsWith";
      const words = (told) => (Array.isArray(told) ? told.join(" ") : String(told)).toLowerCase();
      return (row) => row.facts[at] !== null && words(row.facts[at])[how](wanted);
    }
    if (kind === "texts") {
      if (op !== "is" && op !== "not") throw new Error(`${name}: rows have several of it; ask with is, not, has or starts`);
      return (row) => (row.facts[at] ?? []).includes(value) === (op === "is");
    }
    let wanted = value;
    if (kind === "number") wanted = Number(value);
    if (kind === "yes_no") wanted = ["yes", "true", "1"].includes(value.toLowerCase());
    if (Number.isNaN(wanted)) throw new Error(`${name} ${OPS[op]} ${value}: ${name} is a number`);
    return (row) => (row.facts[at] === null ? op === "not" : COMPARE[op](row.facts[at], wanted));
  }

  // words as the index of `pixmo view` has them: small letters without accents, signs of East Asian scripts each for itself
  const EAST = /([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af])/g;
  function words(text) {
    const plain = text.replace(EAST, " $1 ").normalize("NFD").replace(/\p{Mn}/gu, "").normalize("NFC").toLowerCase();
    return (plain.match(/[\p{L}\p{N}\p{M}\p{Co}]+/gu) ?? []).join(" ");
  }

  function search(text) {
    const tests = [];
    for (const [, minus, phrase, word] of text.matchAll(/(-?)(?:"([^"]*)"?|([^\s"]+))/g)) {
      const told = words(phrase ?? word), wanted = ` ${told}${!phrase && word?.endsWith("*") ? "" : " "}`;
      if (told) tests.push({ wanted, isThere: !minus });
    }
    if (tests.length && tests.every((one) => !one.isThere)) throw new Error(`search ${text}: say what should be there as well`);
    return (row) => {
      row.words ??= ` ${words(row.text)} `;
      return tests.every(({ wanted, isThere }) => row.words.includes(wanted) === isThere);
    };
  }

  // a number that follows from seed and row alone: filters leave the order of the rest as it was
  function place(seed, number) {
    let h = 2166136261;
    for (const letter of `${seed}/${number}`) h = Math.imul(h ^ letter.charCodeAt(0), 16777619);
    h = Math.imul(h ^ (h >>> 15), 2246822519);
    h = Math.imul(h ^ (h >>> 13), 3266489917);
    return (h ^ (h >>> 16)) >>> 0;
  }

  function answer(rows, query) {
    const either = {}, tests = query.search ? [search(query.search)] : [];
    for (const one of query.filters) {
      if (one.op === "is") (either[`f.${one.column}`] ??= []).push(test(one));
      else tests.push(test(one));
    }
    for (const some of Object.values(either)) tests.push((row) => some.some((one) => one(row)));
    const found = rows.filter((row) => tests.every((one) => one(row)));
    if (query.seed) return found.map((row) => [place(query.seed, row.n), row]).sort((a, b) => a[0] - b[0] || a[1].n - b[1].n).map(([, row]) => row);
    if (!query.sort) return found;
    const { at } = column(query.sort), way = query.descending ? -1 : 1;
    const value = (row) => (Array.isArray(row.facts[at]) ? row.facts[at].join("\0") : row.facts[at]);
    return found.sort((a, b) => {
      const x = value(a), y = value(b);
      if (x === null || y === null) return (x === null) - (y === null) || a.n - b.n;
      return x < y ? -way : x > y ? way : a.n - b.n;
    });
  }

  // --- the page of the rows

  function link(path, changes = {}) {
    const told = new URLSearchParams([...params].filter(([name, value]) => value !== "" && name !== "page"));
    for (const [name, value] of Object.entries(changes)) {
      if (value === null) told.delete(name);
      else told.set(name, value);
    }
    return new URL(`${path}${String(told) ? `?${told}` : ""}`, root).href;
  }

  function without(name, value) {
    const told = new URLSearchParams([...params].filter(([n, v]) => v !== "" && n !== "page" && !(n === name && v.trim() === value)));
    return new URL(`index.html${String(told) ? `?${told}` : ""}`, root).href;
  }

  function card(row) {
    const parts = [];
    if (row.picture) {
      const image = make("img", { src: new URL(`pictures/${row.picture}`, root), alt: row.title.slice(0, 120), loading: "lazy", decoding: "async" });
      parts.push(make("span", { class: "thumb" }, make("span", { class: "stage" }, image, points(row.marks))));
    }
    parts.push(make("span", { class: "title", dir: "auto" }, make("bdi", {}, row.title)));
    const badges = (row.badges ?? []).map((text) => make("li", { class: "badge" }, text));
    if (row.faults) badges.push(make("li", { class: "badge again", title: row.faults }, "findings"));
    if (badges.length) parts.push(make("ul", { class: "badges" }, ...badges));
    parts.push(make("span", { class: "soft small" }, row.n.toLocaleString("en")));
    return make("li", {}, make("a", { class: "small-card", href: link(`rows/${row.n}.html`), "data-row": row.n }, ...parts));
  }

  function points(marks) {
    if (!marks.length) return null;
    const drawn = marks.map(([colour, x, y]) => make("g", { class: `expression c${colour}` }, make("circle", { cx: `${x}%`, cy: `${y}%`, r: 4 })));
    const told = `${marks.length} point${marks.length > 1 ? "s" : ""}`;
    return make("svg", { class: "over", role: "img", "aria-label": told }, ...drawn);
  }

  function active(query) {
    const items = query.search ? [["search: ", query.search, without("q", query.search)]] : [];
    for (const one of query.filters) items.push([`${one.column} ${OPS[one.op]} `, one.value, without(one.name, one.value)]);
    if (query.sort) items.push([`by ${query.sort} ${query.descending ? "↓" : "↑"}`, "", link("index.html", { sort: null, descending: null })]);
    if (query.seed) items.push([`shuffled, seed ${query.seed}`, "", link("index.html", { seed: null })]);
    get("active").hidden = !items.length;
    get("active").append(...items.map(([told, value, href]) => make("li", {}, make("a", { href }, make("bdi", {}, told), make("bdi", {}, value), make("span", { "aria-hidden": "true" }, " ✕"), make("span", { class: "away" }, " remove")))));
  }

  function paging(page, pages) {
    if (pages === 1) return;
    const near = [...new Set([1, pages, ...[-2, -1, 0, 1, 2].map((by) => page + by)])].filter((n) => n >= 1 && n <= pages).sort((a, b) => a - b);
    const items = near.flatMap((n, at) => {
      const gap = at && n > near[at - 1] + 1 ? [make("li", { class: "soft" }, "…")] : [];
      return [...gap, make("li", {}, make("a", { href: link("index.html", { page: n }), "aria-current": n === page ? "page" : null }, n.toLocaleString("en")))];
    });
    const step = (n, rel, told) => (n >= 1 && n <= pages ? make("a", { rel, href: link("index.html", { page: n }) }, told) : null);
    get("paging").append(...[step(page - 1, "prev", "← Before"), make("ol", {}, ...items), step(page + 1, "next", "Next →")].filter(Boolean));
    get("paging").hidden = false;
  }

  function nothing(...told) {
    get("rows").replaceWith(make("p", { class: "empty", id: "rows", role: "status" }, ...told, " ", make("a", { href: new URL("index.html", root) }, "All rows")));
  }

  async function rowsPage() {
    const query = asked(), page = Math.max(1, Number.parseInt(params.get("page") ?? "1", 10) || 1);
    fill(query);
    active(query);
    let total, shown;
    const from = (page - 1) * PER_PAGE, upTo = page * PER_PAGE;
    if (isPlain(query)) {
      total = Number(get("told").dataset.rows);
      const first = Math.floor(from / PER_FILE);
      if (first < FILES) await need(first); // pages do not reach over files: 24 divides 96
      shown = (files[first] ?? []).slice(from - first * PER_FILE, upTo - first * PER_FILE);
    } else {
      const found = answer(await all(), query);
      total = found.length;
      shown = found.slice(from, upTo);
      get("told").textContent = `${total.toLocaleString("en")} of ${get("told").dataset.rows.replace(/\B(?=(\d{3})+$)/g, ",")} rows here`;
    }
    const pages = Math.max(1, Math.ceil(total / PER_PAGE));
    if (!total) return nothing("No row is like that.");
    if (page > pages) return nothing(`There are ${pages} pages.`);
    get("rows").append(...shown.map(card));
    return paging(page, pages);
  }

  // the form says what holds
  function fill(query) {
    const form = get("query");
    for (const input of form.querySelectorAll("input, select")) {
      if (input.type === "checkbox") input.checked = params.getAll(input.name).includes(input.value);
      else if (params.has(input.name)) input.value = params.get(input.name);
    }
    get("filters").open = query.filters.length > 0 && matchMedia("(min-width: 60rem)").matches; // on a phone the rows come first
    for (const one of query.filters) { // those that the form has no box for stay
      const boxes = [...form.elements].filter((input) => input.name === one.name);
      if (!boxes.some((box) => box.type !== "checkbox" || box.value === one.value)) form.append(make("input", { type: "hidden", name: one.name, value: one.value }));
    }
    form.addEventListener("submit", () => {
      for (const input of form.elements) input.disabled = input.value === "" && input.type !== "submit";
    });
    addEventListener("pageshow", () => { for (const input of form.elements) input.disabled = false; });
    get("random").href = link("index.html", { seed: Math.floor(Math.random() * 1e6), sort: null, descending: null });
    get("go").addEventListener("submit", async (event) => {
      event.preventDefault();
      const wanted = Number(get("number").value), rows = await all();
      if (get("number").value !== "" && rows.some((row) => row.n === wanted)) location.href = link(`rows/${wanted}.html`);
      else get("status").textContent = `Row ${get("number").value} is not among the ${rows.length.toLocaleString("en")} rows here`;
    });
  }

  // --- the page of a row: before and after follow what was asked for

  async function rowPage() {
    const query = asked();
    if (isPlain(query)) return;
    const found = answer(await all(), query), number = Number(get("row").dataset.number), at = found.findIndex((row) => row.n === number);
    const way = (row, rel, told) => (row ? make("a", { rel, href: link(`rows/${row.n}.html`) }, told) : make("span", { class: "soft" }, told));
    const back = make("a", { id: "back", href: link("index.html", at >= PER_PAGE ? { page: Math.floor(at / PER_PAGE) + 1 } : {}) }, "All rows");
    get("ways").replaceChildren(way(at > 0 ? found[at - 1] : null, "prev", "← Before"), back, way(at >= 0 ? found[at + 1] : null, "next", "Next →"));
  }

  function help() {
    const rows = KEYS.flatMap(([key, told]) => [make("dt", {}, make("kbd", {}, key)), make("dd", {}, told)]);
    const close = make("p", {}, make("button", { type: "button", id: "close-help" }, "Close"));
    document.body.append(make("dialog", { id: "keys", "aria-label": "Keys" }, make("h2", {}, "Keys"), make("dl", { class: "keys" }, ...rows), close));
  }

  // an address such as index.html#row-17
  function toRow() {
    const found = /^#row-(\d+)$/.exec(location.hash);
    if (found) location.replace(new URL(`rows/${found[1]}.html`, root));
  }

  async function start() {
    help();
    try {
      if (get("query")) {
        toRow();
        addEventListener("hashchange", toRow);
        await rowsPage();
      } else if (get("row")) await rowPage();
    } catch (error) {
      if (get("rows")) nothing(`${error.message}.`);
      else get("status").textContent = error.message;
    }
    await script("static/view.js");
    document.body.dataset.ready = "yes";
  }

  start();
})();
