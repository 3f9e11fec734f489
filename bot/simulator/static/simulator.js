// Sends without a reload and looks for new messages. Without it the forms of the page do the same.

const PAUSE = 1000; // milliseconds between two looks
const PATIENCE = 10_000; // milliseconds that an answer may take

const looks = [...document.querySelectorAll("[data-messages]")].map(connect);

setInterval(lookIfSeen, PAUSE);
document.addEventListener("visibilitychange", lookIfSeen);

function lookIfSeen() {
  if (document.hidden) return;
  for (const look of looks) look();
}

// Make one phone's forms send by fetch. Returns a function that looks for its new messages.
function connect(section) {
  const log = section.querySelector(".log");
  const list = section.querySelector(".messages");
  const line = section.querySelector(".trouble");
  const trouble = { sending: "", looking: "" };
  let sending = Promise.resolve();
  let looking = false;
  let again = false;

  section.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return; // the form for another person opens another page
    event.preventDefault();
    const words = new URLSearchParams(new FormData(form, event.submitter));
    const box = form.querySelector("input[name=text]");
    if (box) box.value = "";
    sending = sending.then(() => send(form.action, words, box)); // one after another: their order is kept
  });

  async function send(address, words, box) {
    say("sending", "");
    try {
      const answer = await fetch(address, {
        method: "POST",
        body: words,
        headers: { Accept: "application/json" },
        signal: AbortSignal.timeout(PATIENCE),
      });
      if (answer.ok) {
        log.scrollTop = 0; // the newest message: the log is filled from its end
        await look();
        return;
      }
      const told = await answer.json().catch(() => ({}));
      say("sending", told.error ?? "Your message was not taken. Try again in a moment.");
    } catch {
      say("sending", "Your message was not taken: the demo does not answer. Is it still running?");
    }
    if (box && box.value === "") box.value = words.get("text"); // nobody should have to type it again
  }

  async function look() {
    again = true; // one look at a time; whoever asks meanwhile gets another one after it
    if (looking) return;
    looking = true;
    while (again) {
      again = false;
      await fetchNew();
    }
    looking = false;
  }

  async function fetchNew() {
    try {
      const address = `${section.dataset.messages}&after=${settledUpTo(list)}`;
      const answer = await fetch(address, { signal: AbortSignal.timeout(PATIENCE) });
      if (!answer.ok) throw new Error(answer.statusText);
      for (const message of (await answer.json()).messages) show(list, message);
      say("looking", "");
    } catch {
      say("looking", "The demo does not answer. Is it still running? This page goes on looking for it.");
    }
  }

  function say(about, sentence) {
    trouble[about] = sentence;
    const text = trouble.sending || trouble.looking;
    if (line.textContent !== text) line.textContent = text; // set anew it would be read out anew
  }

  return look;
}

// The id of the last message before the first one that may still change.
function settledUpTo(list) {
  let id = "0";
  for (const item of list.children) {
    if (!("settled" in item.dataset)) break;
    id = item.dataset.id;
  }
  return id;
}

// Add a message; one that is there already gets its new status only, so that the focus stays in its buttons.
function show(list, message) {
  const made = document.createElement("template");
  made.innerHTML = message.html.trim();
  const item = made.content.firstElementChild;
  const there = list.querySelector(`[data-id="${message.id}"]`);
  if (!there) {
    list.append(item);
    return;
  }
  const [old, fresh] = [there.querySelector(".mark"), item.querySelector(".mark")];
  if (old.textContent !== fresh.textContent) old.replaceWith(fresh);
  if ("settled" in item.dataset) there.dataset.settled = "";
}
