// Asking and answering: a question, a draft of a model if there is one, a verdict on it or an answer of one's own.

const isReview = Boolean(facts.answer);
let draft = facts.draft ? { id: Number(facts.draft), text: facts.drafted } : null, busy = true, begun = "";
let asking = null; // what stops waiting for a draft

const question = () => $("question").value.trim();
const answer = () => $("answer").value.trim();
const both = () => JSON.stringify([question(), answer()]);

function keepWork() { if (!isReview) keep(`work/${picture}`, { question: $("question").value, answer: $("answer").value, draft }); }

function draw() {
  if (isReview) {
    const same = both() === begun;
    $("accept").disabled = busy || !same;
    $("correct").hidden = same;
    $("back").disabled = busy;
    return;
  }
  $("question").readOnly = Boolean(facts.given) || asking !== null;
  $("answer").readOnly = asking !== null; // a draft would take the place of what is written
  if ($("draft")) {
    $("draft").disabled = asking === null && (busy || !question() || draft !== null);
    $("draft").firstElementChild.textContent = asking === null ? "Draft an answer" : "Stop waiting";
  }
  $("submit").disabled = busy || !question() || !answer();
  $("skip").disabled = busy;
  $("reject").hidden = draft === null;
  $("reject").disabled = busy;
  $("origin").textContent = draft === null ? "" : answer() === draft.text.trim() ? "This is a draft: submit it if it is right, change it, or reject it." : "You changed the draft.";
}

function take(told) {
  draft = { id: told.draft, text: told.text };
  $("answer").value = told.text;
  say("Here is a draft. Is it right?");
  keepWork();
}

// Asks for a draft; one that was rejected is taken away first, whatever comes after.
async function askDraft(rejected = null, reason = "") {
  if (asking) return asking.abort();
  if (busy) return;
  if (rejected === null && answer()) return say("There is an answer already. Empty it to have one drafted.", true);
  busy = true;
  asking = new AbortController();
  if (rejected !== null) { draft = null; $("answer").value = ""; keepWork(); }
  draw();
  say(rejected === null ? "Asking …" : "Asking again …");
  const body = { picture, question: question(), ...(rejected !== null && { rejected, reason }) };
  const told = await ask("POST", `./drafts/${newToken()}`, body, asking.signal).catch((why) => ({ error: why.name === "AbortError" ? "you stopped waiting; please write the answer" : "no connection" }));
  busy = false;
  asking = null;
  if (told.done) {
    drop(`work/${picture}`);
    if (told.feedback) { say(told.feedback); await waiting(3000); }
    return location.reload();
  }
  if (told.error) say(`No draft: ${told.error}.`, true); else take(told);
  draw();
  if (!draft) $("answer").focus();
}

function reject() {
  if (busy || draft === null) return;
  $("reason").value = "";
  $("reject-dialog").showModal();
}

function rejectIt() {
  const reason = $("reason").value.trim();
  if (!reason) return $("reason").focus();
  $("reject-dialog").close();
  askDraft(draft.id, reason);
}

async function submit() {
  if (busy || !question() || !answer()) return;
  busy = true;
  draw();
  if (await submitAnswer({ picture, question: question(), answer: answer(), draft: draft ? draft.id : null })) return;
  busy = false;
  draw();
}

function approve() {
  if (busy) return;
  if (both() === begun) judge("accept"); else judge("correct", { question: question(), answer: answer() });
}

function onKey(event) {
  const isCommand = event.ctrlKey || event.metaKey, open = openDialog();
  if (isCommand && event.key === "Enter") {
    event.preventDefault();
    if (open && open.id === "reject-dialog") return rejectIt();
    if (!open) return isReview ? approve() : submit();
    return;
  }
  if (open || isCommand || event.altKey || event.repeat) return;
  if (isField(event.target)) { if (event.key === "Escape") event.target.blur(); return; }
  if (event.key === "Enter" && isPressed(event.target)) return;
  const own = { d: () => $("draft") && !$("draft").disabled && askDraft(), r: reject, s: () => !busy && $("skip-dialog").showModal(), q: () => $("question").focus(), a: () => $("answer").focus() };
  const does = (isReview ? { Enter: approve, b: () => judge("back") } : own)[event.key];
  if (!does) return;
  event.preventDefault();
  does();
}

async function beginQuestions() {
  document.addEventListener("keydown", onKey);
  for (const name of ["question", "answer"]) $(name).oninput = () => { keepWork(); draw(); };
  const does = isReview ? { accept: approve, correct: approve, back: () => judge("back") } : { submit, reject, skip: () => $("skip-dialog").showModal() };
  for (const [name, work] of Object.entries(does)) $(name).onclick = work;
  if ($("draft")) $("draft").onclick = () => askDraft();
  if (!isReview) {
    dialog("skip-dialog", "skip-it", "keep-it", skip);
    $("reject-it").onclick = rejectIt;
    $("keep-draft").onclick = () => $("reject-dialog").close();
    if (waitingTokens().length && (await deliverAll())) return location.reload();
    const before = keptAs(`work/${picture}`);
    if (before) {
      if (!$("question").readOnly) $("question").value = before.question;
      const isOwn = !before.draft && before.answer.trim(); // of a draft that came too late
      if (isOwn) draft = null;
      if (isOwn || !draft || before.draft && before.draft.id === draft.id) $("answer").value = before.answer;
    }
  }
  begun = both();
  busy = false;
  $("picture").onerror = () => say("This picture cannot be shown.", true);
  $("picture").src = `./pictures/${picture}`;
  draw();
  if (!isReview) $(question() ? "answer" : "question").focus({ preventScroll: true });
  document.body.dataset.ready = "yes";
}

if ($("agree")) beginConsent();
else if (picture) beginQuestions();
else deliverAll().then((any) => { if (any) location.reload(); });
