"use strict";
// One script for every page of the viewer. Pages work without it; it adds keys, zoom, light between points and words, flags.

const one = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const root = () => new URL(one("link[rel=stylesheet]").getAttribute("href").replace("static/style.css", ""), location.href);

function say(text) {
  one("#status").textContent = text;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { one("#status").textContent = ""; }, 4000);
}

// --- zoom: the picture's own width changes, so points stay where they are and moving is scrolling

const MOST = 16;

class Look {
  constructor(figure) {
    this.pane = one(".pane", figure);
    this.stage = one(".stage", figure);
    this.photo = one(".photo", figure);
    this.told = one(".zoomed", figure);
    this.zoom = 1;
    one(".zoom", figure).hidden = false;
    for (const button of all("[data-zoom]", figure)) {
      button.addEventListener("click", () => this.step(button.dataset.zoom));
    }
    one(".with-points", figure)?.addEventListener("change", (event) => this.stage.classList.toggle("no-points", !event.target.checked));
    const slider = one(".opacity", figure);
    slider?.addEventListener("input", () => all(".mask", figure).forEach((mask) => { mask.style.opacity = slider.value / 100; }));
    this.pane.addEventListener("keydown", (event) => this.key(event));
    this.pane.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.pane.addEventListener("dragstart", (event) => event.preventDefault()); // moves the picture, does not carry it away
    this.fingers = new Map();
    for (const name of ["pointerdown", "pointermove", "pointerup", "pointercancel"]) {
      this.pane.addEventListener(name, (event) => this.pointer(event));
    }
    this.photo?.addEventListener("load", () => this.shape());
    if (this.photo?.complete) this.shape();
    addEventListener("resize", () => this.shape());
  }

  // the width at which the whole picture is seen
  fit() {
    const wide = this.pane.clientWidth;
    if (!this.photo || !this.photo.naturalWidth) return wide;
    const tall = innerHeight * 0.78;
    const most = Math.max(2 * this.photo.naturalWidth, Math.min(480, wide));
    return Math.min(wide, most, tall * this.photo.naturalWidth / this.photo.naturalHeight);
  }

  shape(x = 0.5, y = 0.5) {
    const pane = this.pane, before = this.stage.getBoundingClientRect(), box = pane.getBoundingClientRect();
    const px = box.left + x * pane.clientWidth, py = box.top + y * pane.clientHeight;
    const at = before.width ? [(px - before.left) / before.width, (py - before.top) / before.height] : [0.5, 0.5];
    this.stage.classList.add("sized");
    this.stage.style.width = `${this.fit() * this.zoom}px`;
    const after = this.stage.getBoundingClientRect();
    pane.scrollLeft += after.left + at[0] * after.width - px;
    pane.scrollTop += after.top + at[1] * after.height - py;
    pane.classList.toggle("grab", this.zoom > 1);
    this.told.textContent = `${Math.round(this.zoom * 100)} %`;
  }

  set(zoom, x, y) {
    this.zoom = Math.min(MOST, Math.max(0.25, zoom));
    this.shape(x, y);
  }

  step(how) {
    this.set(how === "in" ? this.zoom * 1.5 : how === "out" ? this.zoom / 1.5 : 1);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const far = 60, ways = { ArrowLeft: [-far, 0], ArrowRight: [far, 0], ArrowUp: [0, -far], ArrowDown: [0, far] };
    if (event.key in ways && this.zoom > 1) {
      this.pane.scrollBy(...ways[event.key]);
      event.preventDefault();
      event.stopPropagation();
    }
  }

  wheel(event) {
    if (!event.ctrlKey && document.activeElement !== this.pane) return; // else the page could not be scrolled past a picture
    event.preventDefault();
    const box = this.pane.getBoundingClientRect();
    this.set(this.zoom * Math.exp(-event.deltaY / 300), (event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  }

  pointer(event) {
    const fingers = this.fingers;
    if (event.type === "pointerdown") {
      fingers.set(event.pointerId, event);
      if (event.pointerType === "mouse" && event.button === 0 && this.zoom > 1) {
        this.pane.setPointerCapture(event.pointerId);
        this.pane.classList.add("held");
      }
      return;
    }
    const before = fingers.get(event.pointerId);
    if (event.type !== "pointermove") {
      fingers.delete(event.pointerId);
      this.pane.classList.remove("held");
      return;
    }
    if (!before) return;
    fingers.set(event.pointerId, event);
    if (fingers.size === 2) {
      const [a, b] = [...fingers.values()], other = a.pointerId === event.pointerId ? b : a;
      const far = (p) => Math.hypot(p.clientX - other.clientX, p.clientY - other.clientY) || 1;
      const box = this.pane.getBoundingClientRect();
      this.set(this.zoom * far(event) / far(before), ((a.clientX + b.clientX) / 2 - box.left) / box.width, ((a.clientY + b.clientY) / 2 - box.top) / box.height);
      event.preventDefault();
    } else if (this.pane.classList.contains("held")) {
      this.pane.scrollBy(before.clientX - event.clientX, before.clientY - event.clientY);
    }
  }
}

const looks = all(".look").map((figure) => new Look(figure));

// --- points and the words for them light each other

function light(expression, point, isOn) {
  all(`[data-expression="${expression}"]`).forEach((element) => element.classList.toggle("lit", isOn));
  const chosen = one(".chip[aria-pressed=true]");
  all("svg.over").forEach((svg) => svg.classList.toggle("dim", isOn || chosen !== null));
  if (!isOn && chosen) all(`[data-expression="${chosen.dataset.expression}"]`).forEach((element) => element.classList.add("lit"));
  if (point === null) return;
  const places = all(`button[data-expression="${expression}"]`).map((chip) => chip.closest("li")).filter(Boolean);
  all(`g[data-expression="${expression}"] [data-point="${point}"]`).forEach((element) => element.classList.toggle("lit", isOn));
  places.forEach((item) => all(`.places [data-point="${point}"]`, item).forEach((element) => element.classList.toggle("lit", isOn)));
}

function expressionOf(element) {
  const chip = element.closest("[data-expression]");
  if (chip) return chip.dataset.expression;
  const item = element.closest(".expressions > li");
  return item ? one("[data-expression]", item)?.dataset.expression : undefined;
}

for (const element of all(".chip[data-expression], .point, .places li")) {
  const expression = expressionOf(element), point = element.dataset.point ?? null;
  if (expression === undefined) continue;
  const isChip = element.matches("button"); // a listener for focus alone would make a point take it
  for (const name of isChip ? ["mouseenter", "focus"] : ["mouseenter"]) element.addEventListener(name, () => light(expression, point, true));
  for (const name of isChip ? ["mouseleave", "blur"] : ["mouseleave"]) element.addEventListener(name, () => light(expression, point, false));
}

for (const chip of all(".chip[aria-pressed]")) {
  chip.addEventListener("click", () => {
    const isOn = chip.getAttribute("aria-pressed") === "false";
    all(".chip[aria-pressed=true]").forEach((other) => {
      other.setAttribute("aria-pressed", "false");
      light(other.dataset.expression, null, false);
    });
    chip.setAttribute("aria-pressed", String(isOn));
    light(chip.dataset.expression, null, isOn);
  });
}

// --- words light up as they are spoken

for (const text of all(".said[data-sound]")) {
  const sound = one(`#${text.dataset.sound}`);
  const words = all(".word", text).map((element) => ({ element, start: Number(element.dataset.start), end: Number(element.dataset.end) }));
  let lit = null;
  const follow = () => {
    const at = sound.currentTime;
    const word = words.find((w) => at >= w.start && at < w.end) ?? null;
    if (word !== lit) {
      lit?.element.classList.remove("lit");
      word?.element.classList.add("lit");
      lit = word;
    }
    if (!sound.paused) requestAnimationFrame(follow);
  };
  for (const name of ["play", "seeked", "timeupdate", "pause"]) sound.addEventListener(name, follow);
  for (const word of words) {
    word.element.addEventListener("click", () => {
      sound.currentTime = word.start;
      sound.play().catch(() => {}); // paused again before it began
    });
  }
}

// --- copying addresses

for (const button of all(".copy")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      say("Copied");
    } catch {
      say("The browser does not let this page copy");
    }
  });
}

// --- flags

async function flag(number, id, flagged, note) {
  const answer = await fetch(new URL("flag", root()), {
    method: "POST", headers: { "content-type": "application/json", "x-pixmo": "1" }, body: JSON.stringify({ number, id, flagged, note }),
  });
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.error);
}

const flagging = one("#flagging");

async function press(flagged) {
  const button = one("#flag"), box = one("#note");
  try {
    await flag(Number(flagging.dataset.number), flagging.dataset.id, flagged, box.value);
    button.setAttribute("aria-pressed", String(flagged));
    button.textContent = flagged ? "Flagged" : "Flag this row";
    say(flagged ? "Flagged" : "No longer flagged");
  } catch (error) {
    say(`Not stored: ${error.message}`);
  }
}

if (flagging) {
  flagging.hidden = false;
  one("#flag").addEventListener("click", () => press(one("#flag").getAttribute("aria-pressed") === "false"));
  one("#note").addEventListener("keydown", (event) => {
    if (event.key === "Enter") press(true);
  });
}

// --- keys

const keys = one("#keys");
one("#help").hidden = false;
one("#help").addEventListener("click", () => keys.showModal());
one("#close-help").addEventListener("click", () => keys.close());

const cards = all(".small-card");
function move(by) {
  if (!cards.length) return;
  const at = cards.indexOf(document.activeElement);
  cards[Math.min(cards.length - 1, Math.max(0, at < 0 ? 0 : at + by))].focus();
}

function follow(selector) {
  const link = one(selector);
  if (link) location.href = link.href;
}

// the picture that has the focus, else the first
const current = () => looks.find((look) => look.pane.contains(document.activeElement)) ?? looks[0];

const DO = {
  ArrowLeft: () => follow("a[rel=prev]"),
  ArrowRight: () => follow("a[rel=next]"),
  j: () => move(1),
  k: () => move(-1),
  "/": () => one("#search")?.focus(),
  f: () => { if (flagging) { one("#flag").click(); one("#note").focus(); } },
  "+": () => current()?.step("in"),
  "=": () => current()?.step("in"),
  "-": () => current()?.step("out"),
  0: () => current()?.step("fit"),
  "?": () => keys.showModal(),
  Escape: () => follow("#back"),
};

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || keys.open) return;
  const at = event.target;
  const isTyping = at.matches?.("input:not([type=checkbox]):not([type=range]), select, textarea");
  if (isTyping) {
    if (event.key === "Escape") at.blur();
    return;
  }
  if (at.matches?.("audio, input[type=range]") && event.key.startsWith("Arrow")) return;
  if (event.key in DO) {
    event.preventDefault();
    DO[event.key]();
  }
});
