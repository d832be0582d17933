// Pointing: the picture, a layer of points over it, undo, zoom; by mouse, touch or keys.
//
// A point is [x, y] in percent of the upright picture. It is drawn by the same numbers at every zoom: the picture lies at `view` within the
// stage, and everything is a share of its width and height there.

const SVG = "http://www.w3.org/2000/svg";
const MOST = 2000, UNDO = 200, MOST_ZOOM = 40, STEP = 1.25;
const NEAR_PX = { mouse: 12, pen: 16, touch: 24 }, STILL_PX = { mouse: 4, pen: 8, touch: 10 };

const isReview = Boolean(facts.answer);
let points = [], absent = false, past = [], future = [], selected = -1, cross = null;
let begun = "[]", view = { zoom: 1, x: 0, y: 0 }, busy = true, isSpace = false;

// ---- what was done, and undone

const state = () => ({ points, absent });

function change(next, isAbsent = false) {
  past = [...past.slice(1 - UNDO), state()];
  future = [];
  set({ points: next, absent: isAbsent });
}

function set(to) {
  points = to.points;
  absent = to.absent;
  if (selected >= points.length) selected = -1;
  if (!isReview) keep(`work/${picture}`, { label: written(), points, absent, past: past.slice(-20) });
  draw();
}

function undo() {
  if (!past.length) return;
  future = [...future, state()];
  set(past.pop());
}

function redo() {
  if (!future.length) return;
  past = [...past, state()];
  set(future.pop());
}

// ---- where things are

const stage = () => $("stage").getBoundingClientRect();

// The picture's place in the stage, in CSS pixels.
function frame() {
  const { clientWidth: width, clientHeight: height } = $("stage");
  const { naturalWidth, naturalHeight } = $("picture");
  const fit = Math.min(width / naturalWidth, height / naturalHeight) * view.zoom;
  return { x: view.x, y: view.y, width: naturalWidth * fit, height: naturalHeight * fit };
}

function clamp(value, low, high) { return Math.min(high, Math.max(low, value)); }

// Keeps the picture in sight: whole, it lies in the middle; zoomed, it may be moved until its edge is there.
function settle() {
  const { clientWidth, clientHeight } = $("stage"), { width, height } = frame(), isWhole = view.zoom === 1;
  const along = (at, room, size) => (isWhole ? (room - size) / 2 : clamp(at, room / 2 - size, room / 2));
  view.x = along(view.x, clientWidth, width);
  view.y = along(view.y, clientHeight, height);
}

const inStage = (event) => [event.clientX - stage().left - $("stage").clientLeft, event.clientY - stage().top - $("stage").clientTop];
const toPercent = ([x, y]) => { const f = frame(); return [(100 * (x - f.x)) / f.width, (100 * (y - f.y)) / f.height]; };
const toStage = ([x, y], f = frame()) => [f.x + (x * f.width) / 100, f.y + (y * f.height) / 100];
const inside = ([x, y]) => [clamp(x, 0, 100), clamp(y, 0, 100)];
const isInside = ([x, y]) => x >= 0 && x <= 100 && y >= 0 && y <= 100;
const moved = ([x, y], dx, dy) => { const f = frame(); return inside([x + (100 * dx) / f.width, y + (100 * dy) / f.height]); };

// The point nearest to a place of the stage, if it is near enough.
function near([x, y], kind) {
  let best = -1, least = NEAR_PX[kind] || NEAR_PX.mouse;
  const f = frame();
  points.forEach((point, n) => {
    const [px, py] = toStage(point, f), distance = Math.hypot(px - x, py - y);
    if (distance <= least) { best = n; least = distance; }
  });
  return best;
}

function zoom(factor, [x, y] = cross ? toStage(cross) : [$("stage").clientWidth / 2, $("stage").clientHeight / 2]) {
  const at = toPercent([x, y]);
  view.zoom = clamp(view.zoom * factor, 1, MOST_ZOOM);
  const [nx, ny] = toStage(at);
  view.x += x - nx;
  view.y += y - ny;
  draw();
}

function wholePicture() { view = { zoom: 1, x: 0, y: 0 }; draw(); }

// Moves the picture so that a place in it is seen.
function show(point) {
  const [x, y] = toStage(point), { clientWidth, clientHeight } = $("stage");
  view.x += clamp(x, 20, clientWidth - 20) - x;
  view.y += clamp(y, 20, clientHeight - 20) - y;
}

// ---- drawing

function made(name, parent, attributes = {}) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return parent.appendChild(element);
}

function marker(layer, n) {
  const group = made("g", layer);
  made("circle", group, { r: 11 });
  made("circle", group, { r: 1.5, class: "middle" });
  made("text", group, { "text-anchor": "middle", y: -15 }).textContent = n + 1;
  return group;
}

function draw() {
  if (!$("picture").naturalWidth) return;
  settle();
  const f = frame(), layer = $("overlay"), style = $("picture").style;
  [style.left, style.top, style.width, style.height] = [f.x, f.y, f.width, f.height].map((px) => `${px}px`);
  const marks = layer.querySelectorAll("g.point");
  for (let n = points.length; n < marks.length; n++) marks[n].remove();
  points.forEach((point, n) => {
    const group = marks[n] || marker(layer, n), [x, y] = toStage(point, f); // of thousands of points: one look at the layout
    group.setAttribute("class", n === selected ? "point selected" : "point");
    group.setAttribute("transform", `translate(${x} ${y})`);
  });
  let lines = layer.querySelector("path.cross");
  if (cross) {
    lines = lines || made("path", layer, { class: "cross", d: "M-24 0H-5M5 0H24M0 -24V-5M0 5V24" });
    lines.setAttribute("transform", `translate(${toStage(cross).join(" ")})`);
  } else if (lines) lines.remove();
  tell();
}

function tell() {
  $("count").textContent = absent ? "✓" : points.length;
  $("counted").textContent = absent ? "not in the picture" : points.length === 1 ? "point" : "points";
  $("undo").disabled = !past.length;
  $("redo").disabled = !future.length;
  $("remove").disabled = selected < 0;
  if (isReview) {
    const same = JSON.stringify(points) === begun;
    $("accept").disabled = busy || !same;
    $("correct").hidden = same;
    $("back").disabled = busy;
    return;
  }
  $("submit").disabled = busy || !(points.length || absent);
  $("absent").disabled = $("skip").disabled = busy;
}

const told = ([x, y]) => `${x.toFixed(1)} %, ${y.toFixed(1)} %`;

// ---- what can be done

function add(point) {
  if (busy || !isInside(point)) return;
  if (points.length >= MOST) return say(`There can be ${MOST} points at most.`, true);
  change([...points, point]);
  say(`Point ${points.length} at ${told(point)}.`);
}

function move(n, point) { change(points.map((one, m) => (m === n ? point : one))); }

function remove() {
  if (selected < 0 || busy) return;
  const gone = selected;
  selected = -1;
  change(points.filter((_, n) => n !== gone));
  say(`Point ${gone + 1} removed.`);
}

function select(n) {
  selected = n;
  if (n >= 0) { cross = null; show(points[n]); say(`Point ${n + 1} of ${points.length} at ${told(points[n])}.`); }
  draw();
}

function arrow(dx, dy, isShift) {
  if (selected >= 0) {
    const step = isShift ? 10 : 1;
    move(selected, moved(points[selected], dx * step, dy * step));
    show(points[selected]);
    say(`Point ${selected + 1} at ${told(points[selected])}.`);
  } else {
    const step = isShift ? 1 : 10;
    cross = cross ? moved(cross, dx * step, dy * step) : inside(toPercent([$("stage").clientWidth / 2, $("stage").clientHeight / 2]));
    show(cross);
    say(`Cross at ${told(cross)}; Enter places a point.`);
  }
  draw();
}

function nowhere() {
  if (busy) return;
  if (!points.length) return setAbsent();
  $("absent-dialog").showModal();
}

function setAbsent() {
  selected = -1;
  cross = null;
  change([], true);
  say("Not in the picture: submit to say so.");
}

// ---- submitting

const written = () => ($("label") ? $("label").value.trim() : facts.label);

async function submit() {
  if (busy) return;
  if (!written()) { $("label").focus(); return say("Say what you point at.", true); }
  if (!points.length && !absent) return say("Place at least one point, or say that it is not in the picture.", true);
  busy = true;
  draw();
  if (await submitAnswer({ picture, label: written(), points, ...size() })) return;
  busy = false;
  draw();
}

const size = () => ({ width_px: $("picture").naturalWidth, height_px: $("picture").naturalHeight });

function approve() {
  if (busy) return;
  if (JSON.stringify(points) === begun) judge("accept");
  else judge("correct", { label: facts.label, points, ...size() });
}

// ---- mouse, pen, touch

const down = new Map(); // of each pointer on the stage: where it is
let gesture = null; // what the first of them does: {kind: "tap" | "point" | "pan" | "pinch", …}

function onDown(event) {
  if (busy || (event.button !== 0 && event.button !== 1)) return;
  const at = inStage(event);
  $("stage").setPointerCapture(event.pointerId);
  down.set(event.pointerId, at);
  if (down.size === 2) { gesture = { kind: "pinch", ...spread() }; return; }
  if (down.size > 2) return;
  const hit = isSpace || event.button === 1 ? -1 : near(at, event.pointerType);
  gesture = { kind: isSpace || event.button === 1 ? "pan" : hit >= 0 ? "point" : "tap", hit, from: at, last: at, still: true };
  if (hit >= 0) select(hit);
}

function onMove(event) {
  if (!down.has(event.pointerId) || !gesture) return;
  const at = inStage(event);
  down.set(event.pointerId, at);
  if (gesture.kind === "pinch") return pinch();
  if (gesture.still && Math.hypot(at[0] - gesture.from[0], at[1] - gesture.from[1]) > (STILL_PX[event.pointerType] || STILL_PX.mouse)) {
    gesture.still = false;
    if (gesture.kind === "tap") gesture.kind = "pan";
    if (gesture.kind === "point") change(points); // one undo takes the whole drag back
  }
  if (gesture.still && gesture.kind !== "pan") return;
  const dx = at[0] - gesture.last[0], dy = at[1] - gesture.last[1];
  gesture.last = at;
  if (gesture.kind === "pan") { view.x += dx; view.y += dy; draw(); }
  if (gesture.kind === "point") {
    const to = moved(points[gesture.hit], dx, dy);
    set({ points: points.map((one, n) => (n === gesture.hit ? to : one)), absent: false });
  }
}

function onUp(event) {
  if (!down.delete(event.pointerId) || !gesture) return;
  const done = gesture;
  gesture = null;
  if (event.type === "pointercancel" || done.kind === "pinch") return;
  if (done.kind === "tap") { selected = -1; cross = null; add(toPercent(done.from)); draw(); }
  if (done.kind === "point" && !done.still) say(`Point ${done.hit + 1} at ${told(points[done.hit])}.`);
}

function spread() {
  const [[ax, ay], [bx, by]] = [...down.values()];
  return { middle: [(ax + bx) / 2, (ay + by) / 2], apart: Math.hypot(ax - bx, ay - by) || 1 };
}

function pinch() {
  if (down.size < 2) return;
  const now = spread();
  view.x += now.middle[0] - gesture.middle[0];
  view.y += now.middle[1] - gesture.middle[1];
  zoom(now.apart / gesture.apart, now.middle);
  gesture = { kind: "pinch", ...now };
}

function onWheel(event) {
  event.preventDefault();
  zoom(Math.exp(-clamp(event.deltaY * (event.deltaMode ? 30 : 1), -200, 200) / 400), inStage(event));
}

// ---- keys

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function onKey(event) {
  if (openDialog() || event.altKey) return;
  const key = event.key.length > 1 ? event.key : event.key.toLowerCase(), isCommand = event.ctrlKey || event.metaKey;
  if (isField(event.target)) {
    if (key === "Enter") { event.preventDefault(); if (isCommand) confirm_(); else $("stage").focus(); }
    if (key === "Escape") $("stage").focus();
    return;
  }
  if ((key === " " || key === "Enter") && !isCommand && isPressed(event.target)) return;
  const does = isCommand ? { z: event.shiftKey ? redo : undo, y: redo, Enter: confirm_ }[key] : plainKey(key, event);
  if (!does || (busy && !isCommand)) return;
  event.preventDefault();
  does();
}

function plainKey(key, event) {
  if (ARROWS[key]) return () => arrow(...ARROWS[key], event.shiftKey);
  const always = {
    " ": () => { isSpace = true; $("stage").classList.add("pan"); },
    Enter: () => (cross ? add(cross) : confirm_()),
    Escape: () => { cross = null; select(-1); },
    Delete: remove, Backspace: remove,
    "+": () => zoom(STEP), "=": () => zoom(STEP), "-": () => zoom(1 / STEP), 0: wholePicture,
    "[": () => points.length && select(selected <= 0 ? points.length - 1 : selected - 1),
    "]": () => points.length && select((selected + 1) % points.length),
  };
  const own = isReview ? { b: () => judge("back") } : { n: nowhere, s: () => $("skip-dialog").showModal() };
  return event.repeat && !["+", "=", "-"].includes(key) ? null : { ...always, ...own }[key];
}

function confirm_() { return isReview ? approve() : submit(); }

// ---- the page begins

function resume() {
  const before = isReview ? null : keptAs(`work/${picture}`);
  const given = facts.points ? JSON.parse(facts.points) : [];
  begun = JSON.stringify(given);
  points = given;
  if (!isReview && facts.points && !given.length) absent = true;
  if (!before || !Array.isArray(before.points) || (before.label !== facts.label && facts.label)) return;
  ({ points, absent } = before);
  past = before.past || [];
  if ($("label")) $("label").value = before.label || $("label").value;
  if (points.length) say("This is what you did before the page was closed.");
}

function beginStage() {
  const surface = $("stage");
  for (const [name, does] of [["pointerdown", onDown], ["pointermove", onMove], ["pointerup", onUp], ["pointercancel", onUp]]) surface.addEventListener(name, does);
  surface.addEventListener("wheel", onWheel, { passive: false });
  new ResizeObserver(draw).observe(surface);
  document.addEventListener("keydown", onKey);
  document.addEventListener("keyup", (event) => { if (event.key === " ") { isSpace = false; surface.classList.remove("pan"); } });
  addEventListener("blur", () => { isSpace = false; });
  const does = { undo, redo, remove, closer: () => zoom(STEP), farther: () => zoom(1 / STEP) };
  const own = isReview ? { accept: approve, correct: approve, back: () => judge("back") } : { submit, absent: nowhere, skip: () => $("skip-dialog").showModal() };
  for (const [name, work] of Object.entries({ ...does, ...own })) $(name).onclick = work;
  if (isReview) return;
  dialog("skip-dialog", "skip-it", "keep-it", skip);
  dialog("absent-dialog", "absent-it", "keep-them", setAbsent);
  if ($("label")) $("label").oninput = () => set(state());
}

async function beginPoints() {
  beginStage();
  if (waitingTokens().length && (await deliverAll())) return location.reload();
  const image = $("picture");
  image.onerror = () => say(isReview ? "This picture cannot be shown." : "This picture cannot be shown; please skip it.", true);
  image.onload = () => { $("stage").style.aspectRatio = `${image.naturalWidth} / ${image.naturalHeight}`; busy = false; draw(); $("stage").focus({ preventScroll: true }); document.body.dataset.ready = "yes"; };
  resume();
  image.src = `./pictures/${picture}`;
  if (!isReview) $("skip").disabled = false;
}

if ($("agree")) beginConsent();
else if (picture) beginPoints();
else deliverAll().then((any) => { if (any) location.reload(); });
