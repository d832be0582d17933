// Work in progress and submissions of points and questions, kept in this browser until the server has them.
//
// A submission has a token of its own: sent twice, it counts once. It is deleted here when the server acknowledged it.

const place = (what) => `pixmo/${facts.person}/${what}`;
const OUTBOX = place("out/");
const newToken = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

function keep(what, value) {
  try { localStorage.setItem(place(what), JSON.stringify(value)); } catch { say("This browser has no room to keep your work: submit it before you close the page.", true); }
}

function keptAs(what) {
  try { return JSON.parse(localStorage.getItem(place(what))); } catch { return null; }
}

function drop(what) {
  try { localStorage.removeItem(place(what)); } catch { /* then there was nothing either */ }
}

function waitingTokens() {
  try { return Object.keys(localStorage).filter((key) => key.startsWith(OUTBOX)).map((key) => key.slice(OUTBOX.length)); } catch { return []; }
}

// Asks until there is an answer for good: that; or null when another page has to be opened first.
async function asked(path, body, doing) {
  for (let pause = 500; ; pause = Math.min(2 * pause, 15000)) {
    try {
      say(doing);
      const answer = await ask("POST", path, body);
      if (answer.status === 200 || [400, 404, 409, 413, 415, 422, 503].includes(answer.status)) return answer;
      say(`Not sent yet: ${answer.error || "the server has trouble"}. It is kept in this browser.`, true);
      if (answer.consent) location.reload(); // the text has changed: it is asked first, then this is sent
      if (answer.status === 403) return null;
    } catch {
      say("No connection. What you did is kept in this browser and is sent when the connection is back.", true);
    }
    await waiting(pause);
  }
}

// Delivers one submission; whether the page should look for what is next.
async function deliver(token, body) {
  const answer = await asked(`./answers/${token}`, body, "Sending …");
  if (answer === null) return false;
  drop(`out/${token}`);
  if (answer.status === 200 || answer.status === 409 || answer.status === 404) drop(`work/${body.picture}`);
  if (answer.feedback) { say(answer.feedback); await waiting(3000); }
  if (answer.error) { say(`Not taken: ${answer.error}.`, true); await waiting(3000); }
  return answer.status === 200 || answer.status === 409 || answer.status === 404;
}

async function deliverAll() {
  let any = false;
  for (const token of waitingTokens()) {
    const body = keptAs(`out/${token}`);
    if (body && (await deliver(token, body))) any = true;
  }
  return any;
}

// Submits; the page goes on to the next task, or stays when the submission was refused for what it says.
async function submitAnswer(body) {
  const token = newToken();
  keep(`out/${token}`, body);
  if (await deliver(token, body)) { location.reload(); return true; }
  return false;
}

// ---- skipping and dialogs

async function skip() {
  const reason = document.querySelector("input[name=reason]:checked").value;
  const answer = await ask("POST", "./skip", { picture, reason, note: $("note").value }).catch(() => ({ error: "no connection" }));
  if (answer.error) { $("skip-dialog").close(); return say(`Not skipped: ${answer.error}.`, true); }
  drop(`work/${picture}`);
  location.reload();
}

// A dialog with a button that does it and one that goes back; Enter anywhere in it does it.
function dialog(name, doIt, keepIt, does) {
  $(doIt).onclick = () => { $(name).close(); does(); };
  $(keepIt).onclick = () => $(name).close();
  $(name).onkeydown = (event) => {
    if (event.key !== "Enter" || event.target.closest("button, textarea")) return;
    event.preventDefault();
    $(doIt).click();
  };
}

const openDialog = () => document.querySelector("dialog[open]");
const isField = (target) => target.closest("input:not([type=radio]), textarea");
const isPressed = (target) => target.closest("button, a, summary, input[type=radio]");

// ---- the owner's review

async function judge(verdict, value = {}) {
  const note = $("review-note").value;
  if (verdict === "back" && !note.trim()) { $("review-note").focus(); return say("Say what should be done better.", true); }
  const answer = await ask("POST", `./review/${facts.answer}`, { verdict, note, ...value }).catch(() => ({ error: "no connection" }));
  if (answer.error) return say(`Not noted: ${answer.error}.`, true);
  location.assign(`./review${location.search}`); // those that were put off stay so
}
