
// Records a description and keeps it in this browser until the server has all of it.
//
// A recording is a draft {id, person, picture, type, pieces, ms, state} and its pieces, as the recorder delivered them. Its state is
// "recording" → "recorded" → "submitted"; it is deleted when the server has acknowledged the digest of the whole. A tab holds a lock
// on the draft it works on, so that another tab, or the same one after a reload, knows which drafts nobody works on.
const PIECE_MS = 1000, FIRST_BYTES = 16 * 1024, MOST_BYTES = 1024 * 1024, TYPES = ["audio/webm;codecs=opus", "audio/ogg;codecs=opus", "audio/mp4"];

// ---- what this browser keeps

function opened() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("pixmo", 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("drafts", { keyPath: "id" });
      request.result.createObjectStore("pieces", { keyPath: ["draft", "n"] });
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

const database = opened();

// Runs work(drafts, pieces), which may return a request, in one transaction; its result when all is on disk.
async function kept(mode, work) {
  const db = await database;
  return new Promise((resolve, reject) => {
    const change = db.transaction(["drafts", "pieces"], mode, { durability: "strict" });
    const request = work(change.objectStore("drafts"), change.objectStore("pieces"));
    change.oncomplete = () => resolve(request && request.result);
    change.onabort = change.onerror = () => reject(change.error);
  });
}

const ofDraft = (id) => IDBKeyRange.bound([id, 0], [id, Infinity]);
const put = (draft) => kept("readwrite", (drafts) => drafts.put(draft));
const forget = (id) => kept("readwrite", (drafts, pieces) => { drafts.delete(id); pieces.delete(ofDraft(id)); });
const piecesOf = async (id) => (await kept("readonly", (_, pieces) => pieces.getAll(ofDraft(id)))).map((piece) => piece.data);
const mine = async () => (await kept("readonly", (drafts) => drafts.getAll())).filter((draft) => draft.person === facts.person);

// Holds the lock of a draft while work runs; does nothing when another tab holds it.
const alone = (id, work) => id === held ? work() : navigator.locks.request("pixmo-" + id, { ifAvailable: true }, (lock) => lock && work());

// ---- talking to the server

// Sends until the server has all of it: true; or says for good that it does not want it: the reason.
async function sent(draft, sound) {
  const path = "./uploads/" + draft.id;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await sound.arrayBuffer()));
  const sha256 = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  let pause = 500, bytes = FIRST_BYTES;
  for (;;) {
    try {
      let answer = await ask("GET", path);
      while (answer.status === 200 && answer.have < sound.size) {
        say(`Sending … ${Math.round((100 * answer.have) / sound.size)} %`);
        const piece = sound.slice(answer.have, answer.have + bytes);
        answer = await ask("PATCH", `${path}?picture=${draft.picture}&offset=${answer.have}`, piece);
        if (answer.status === 200) { pause = 500; bytes = Math.min(2 * bytes, MOST_BYTES); }
        if (answer.status === 409 && answer.have !== undefined) answer.status = 200; // go on where the server is
      }
      if (answer.status === 200) answer = await ask("POST", path, { picture: draft.picture, sha256 });
      if (answer.status === 200) return true;
      if (answer.status === 409 && answer.state !== undefined) return answer.error;
      if (answer.status === 413 || answer.status === 415) return answer.error;
      say(`Not sent yet: ${answer.error || "the server has trouble"}. It is kept in this browser.`, true);
      if (answer.status === 403) return null; // the link or the consent: another page has to be opened first
    } catch {
      say("No connection. Your recording is kept in this browser and is sent when the connection is back.", true);
    }
    bytes = FIRST_BYTES;
    await waiting(pause);
    pause = Math.min(2 * pause, 15000);
  }
}

// Sends a submitted draft, unless another tab does; whether the page should look for what is next.
const deliver = (draft) => alone(draft.id, async () => {
  const answer = await sent(draft, new Blob(await piecesOf(draft.id)));
  if (answer === null) return false;
  await forget(draft.id);
  if (answer !== true) { say(`Not taken: ${answer}.`, true); await waiting(3000); }
  return true;
});

async function deliverAll() {
  let any = false;
  for (const draft of await mine()) if (draft.state === "submitted" && (await deliver(draft))) any = true;
  return any;
}

// ---- what the page shows

const clock = (ms) => `${Math.floor(ms / 60000)}:${String(Math.floor(ms / 1000) % 60).padStart(2, "0")}`;
const label = (button, text) => { $(button).firstElementChild.textContent = text; };

// ---- recording

const target = { min: 1000 * Number(facts.minS), max: 1000 * Number(facts.maxS) };
let draft = null, recorder = null, held = null, release = () => {}, busy = true, url = null, memory = [];

function show(state) {
  document.body.classList.toggle("recording", state === "recording");
  $("listen").hidden = $("submit").hidden = state !== "recorded";
  $("sound").hidden = state !== "recorded";
  $("record").disabled = $("skip").disabled = state === "submitted" || state === "begin";
  if (state === "recording") $("skip").disabled = true;
  label("record", { begin: "Record", idle: "Record", recording: "Stop", recorded: "Record again", submitted: "Record" }[state]);
  $("record").lastElementChild.textContent = state === "recorded" ? "R" : "Space"; // a second press of the space bar must not lose it
  showTime(draft ? draft.ms : 0);
}

function showTime(ms) {
  $("timer").textContent = clock(ms);
  $("time").value = Math.min(ms, target.max) / 1000;
  document.body.classList.toggle("enough", ms >= target.min && ms <= target.max);
}

// Takes the lock of a new or found draft and holds it until another one takes its place.
function hold(id) {
  release();
  return new Promise((resolve) => {
    navigator.locks.request("pixmo-" + id, { ifAvailable: true }, (lock) => {
      held = lock && id;
      resolve(Boolean(lock));
      return lock && new Promise((done) => { release = done; });
    });
  });
}

async function record() {
  if (busy) return;
  if (recorder) return recorder.stop();
  busy = true;
  try {
    await begin();
  } catch (error) {
    say(cause(error), true);
  }
  busy = false;
}

function cause(error) {
  if (!window.isSecureContext) return "This page was not opened by https: browsers record only there.";
  if (!window.MediaRecorder || !navigator.mediaDevices) return "This browser cannot record; please try another one.";
  if (error.name === "NotAllowedError") return "The browser was not allowed to use the microphone: allow it for this page, then try again.";
  if (error.name === "NotFoundError") return "There is no microphone.";
  return `Recording did not begin: ${error.message}`;
}

async function begin() {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1 } });
  if (draft) await forget(draft.id); // recording again replaces what was there, at once
  const type = TYPES.find((one) => MediaRecorder.isTypeSupported(one));
  const one = new MediaRecorder(stream, { ...(type && { mimeType: type }), audioBitsPerSecond: 64000 });
  const id = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  draft = { id, person: facts.person, picture, pieces: 0, ms: 0, state: "recording", type: one.mimeType };
  memory = [];
  await hold(id);
  await put(draft);
  const began = performance.now();
  const stopMeter = meter(stream, () => {
    draft.ms = performance.now() - began;
    showTime(draft.ms);
    if (draft.ms > 2 * target.max && one.state === "recording") one.stop(); // forgotten: nobody means to speak so long
  });
  let keeping = Promise.resolve();
  one.ondataavailable = (event) => { keeping = keeping.then(() => keep(event.data)).catch(() => say("This browser has no room to keep the recording: send it before you close the page.", true)); };
  one.onstop = async () => {
    stopMeter();
    stream.getTracks().forEach((track) => track.stop());
    recorder = null;
    draft.state = "recorded";
    await keeping;
    await put(draft).catch(() => {});
    offer();
    if (draft.ms > 2 * target.max) return say("Stopped: this is twice as long as it should be.");
    say(draft.ms < target.min ? `A little short: aim at ${facts.minS} s or more.` : "Listen to it, record again, or submit.");
  };
  recorder = one;
  one.start(PIECE_MS);
  navigator.storage?.persist?.();
  say("Recording …");
  show("recording");
}

async function keep(blob) {
  if (!blob.size) return;
  const data = await blob.arrayBuffer();
  memory.push(data);
  const n = draft.pieces++;
  await kept("readwrite", (drafts, pieces) => { pieces.put({ draft: draft.id, n, data }); drafts.put(draft); });
}

function offer() {
  if (url) URL.revokeObjectURL(url);
  $("status").focus(); // off the button, so that keys mean what the page says
  url = URL.createObjectURL(new Blob(memory, { type: draft.type }));
  $("sound").src = url;
  show("recorded");
}

// Moves the meter and calls `tick` until the returned function is called.
function meter(stream, tick) {
  const context = new AudioContext();
  context.resume(); // some browsers wait to be asked
  const analyser = context.createAnalyser();
  context.createMediaStreamSource(stream).connect(analyser);
  const wave = new Float32Array(analyser.fftSize);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(wave);
    const rms = Math.sqrt(wave.reduce((sum, x) => sum + x * x, 0) / wave.length);
    $("level").value = Math.min(1, Math.max(0, 1 + Math.log10(rms + 1e-9) / 2.5)); // -50 dB is empty, 0 dB full
    tick();
  }, 50);
  return () => { clearInterval(timer); context.close(); $("level").value = 0; };
}

// ---- listen, submit, skip

function listen() {
  const sound = $("sound");
  if (sound.hidden) return;
  if (sound.paused) sound.play(); else sound.pause();
}

async function submit() {
  if (busy || recorder || !draft || draft.state !== "recorded") return;
  busy = true;
  $("sound").pause();
  draft.state = "submitted";
  show("submitted");
  const answer = await put(draft).then(() => null, () => sent(draft, new Blob(memory))); // no room here: straight from memory
  if (answer === true) return location.reload();
  await deliverSoon();
}

async function deliverSoon() {
  say("Sending …");
  if (await deliverAll()) return location.reload();
  setTimeout(async () => {
    if ((await mine()).some((one) => one.state === "submitted")) deliverSoon(); // another tab sends it, or consent is missing
    else location.reload();
  }, 2000);
}

async function skip() {
  const reason = document.querySelector("input[name=reason]:checked").value;
  const answer = await ask("POST", "./skip", { picture, reason, note: $("note").value }).catch(() => ({ error: "no connection" }));
  if (answer.error) { $("skip-dialog").close(); return say(`Not skipped: ${answer.error}.`, true); }
  if (draft) await forget(draft.id);
  location.reload();
}

// ---- the page begins

async function resume() {
  const drafts = await mine();
  if (drafts.some((one) => one.state === "submitted")) { show("submitted"); return deliverSoon(); }
  // a draft of a picture that is no longer open (described or skipped in another tab) has nowhere to go
  for (const one of drafts) if (one.picture !== picture) await alone(one.id, () => forget(one.id));
  for (const one of drafts.filter((one) => one.picture === picture).reverse()) {
    if (!(await hold(one.id))) continue; // another tab works on it
    memory = await piecesOf(one.id);
    if (!memory.length) { await forget(one.id); continue; }
    draft = { ...one, state: "recorded" };
    await put(draft);
    busy = false;
    offer();
    return say("This is what you recorded before the page was closed: listen, submit, or record again.");
  }
  busy = false;
  show("idle");
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const inDialog = $("skip-dialog").open;
  if ((event.key === " " || event.key === "Enter") && event.target.closest("button")) return; // reached by Tab: it is pressed
  if (inDialog && event.key === "Enter") { event.preventDefault(); skip(); }
  if (inDialog || event.target.closest("audio")) return;
  const isRecorded = draft && draft.state === "recorded";
  const does = { " ": isRecorded ? listen : record, r: isRecorded ? record : null, Enter: submit, l: listen, s: () => $("skip").click() }[event.key.length > 1 ? event.key : event.key.toLowerCase()];
  if (!does) return;
  event.preventDefault();
  does();
}

function beginTask() {
  $("record").onclick = record;
  $("listen").onclick = listen;
  $("submit").onclick = submit;
  $("skip").onclick = () => { if (!recorder && !busy) $("skip-dialog").showModal(); };
  $("skip-it").onclick = skip;
  $("keep-it").onclick = () => $("skip-dialog").close();
  document.addEventListener("keydown", onKey);
  document.addEventListener("click", (event) => { if (event.detail) event.target.closest("button")?.blur(); });
  addEventListener("beforeunload", (event) => { if (recorder) event.preventDefault(); });
  show("begin");
  return resume();
}

if ($("agree")) beginConsent();
else if (picture) beginTask().catch((error) => say(cause(error), true));
else deliverAll().then((any) => { if (any) location.reload(); });
