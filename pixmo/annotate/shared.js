// What the pages of all kinds do: talk to the server, say how things stand, ask for consent. The script of a kind follows in the same file.
"use strict";

const $ = (id) => document.getElementById(id);
const facts = $("facts").dataset;
const picture = Number(facts.picture || 0);
if (facts.again) setTimeout(() => location.reload(), 1000 * Number(facts.again));

// ---- talking to the server

async function ask(method, path, body, signal) {
  const json = body !== undefined && !(body instanceof Blob);
  const answer = await fetch(path, { method, body: json ? JSON.stringify(body) : body, headers: { "X-Pixmo": "1" }, cache: "no-store", signal });
  let told = {};
  try { told = await answer.json(); } catch { /* a proxy's own page: its status says enough */ }
  return { status: answer.status, ...told };
}

const waiting = (ms) => new Promise((resolve) => {
  const timer = setTimeout(resolve, ms);
  addEventListener("online", () => { clearTimeout(timer); resolve(); }, { once: true });
});

// ---- what the page says

function say(text, isBad = false) {
  $("status").textContent = text;
  $("status").classList.toggle("bad", isBad);
}

// ---- consent

function beginConsent() {
  const agree = async () => {
    const answer = await ask("POST", "./consent", { version: facts.version }).catch(() => ({ error: "no connection" }));
    if (answer.error) say(`Not noted: ${answer.error}.`, true); else location.reload();
  };
  $("agree").onclick = agree;
  document.addEventListener("keydown", (event) => { if (event.key === "Enter" && !event.repeat) { event.preventDefault(); agree(); } });
}

