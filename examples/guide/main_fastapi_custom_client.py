"""A client of one's own: a page in HTML and JavaScript, in one string, served by the very application it talks to.

Start it with: uvicorn main_fastapi_custom_client:app --host 0.0.0.0 --port 8008 --reload

It shows everything that a client has to do, without any library: list the workflows, start one, show each type of
message, answer each kind of question, come back after a lost connection. Whatever it shows becomes a text node, never
HTML. It speaks protocol v2 on the guide's three routes; `docs/protocol.md` describes both versions.
"""

from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from workflow import wf

from fastagency.adapters.fastapi import FastAPIAdapter

adapter = FastAPIAdapter(provider=wf)

app = FastAPI(title="Learning chat")
app.include_router(adapter.router)

html = r"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>Learning chat</title>
<style>
  :root {
    color-scheme: light dark;
    --page: #f6f7f9; --card: #fff; --line: #d9dde3; --text: #1c2330; --quiet: #5b6575;
    --accent: #2457c5; --on-accent: #fff; --mine: #e3ebfb; --bad: #b3261e; --bad-page: #fdecea;
  }
  @media (prefers-color-scheme: dark) {
    :root {
      --page: #14171c; --card: #1d2127; --line: #353b45; --text: #e8eaee; --quiet: #9aa4b2;
      --accent: #8fb3ff; --on-accent: #10203f; --mine: #24345a; --bad: #ffb4ab; --bad-page: #3b1f1d;
    }
  }
  * { box-sizing: border-box; }
  [hidden] { display: none !important; }
  body { margin: 0; min-height: 100dvh; display: flex; flex-direction: column;
         background: var(--page); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
  header, main, footer { width: 100%; max-width: 46rem; margin: 0 auto; padding: .75rem 1rem; }
  header { display: flex; align-items: center; gap: .75rem; min-height: 4.25rem; }
  h1, h2 { font-size: 1.15rem; margin: 0; flex: 1; }
  h2 { margin: 1rem 0; }
  main { flex: 1; }
  footer { position: sticky; bottom: 0; background: var(--page); color: var(--quiet); font-size: .9rem; }
  footer:empty { display: none; }
  button, input { font: inherit; min-height: 2.75rem; border-radius: .6rem; border: 1px solid var(--line);
                  background: var(--card); color: inherit; padding: .4rem .9rem; }
  button { cursor: pointer; }
  button:hover { border-color: var(--accent); }
  button.main { background: var(--accent); border-color: var(--accent); color: var(--on-accent); font-weight: 600; }
  button:disabled { opacity: .5; cursor: default; }
  :focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
  .workflow { display: block; width: 100%; text-align: left; margin: .6rem 0; padding: .9rem 1rem; }
  .workflow small, .who { color: var(--quiet); font-size: .85rem; }
  .workflow strong { display: block; }
  .message { background: var(--card); border: 1px solid var(--line); border-radius: .8rem; padding: .6rem .9rem;
             margin: .6rem 0; overflow-wrap: anywhere; }
  .message.mine { background: var(--mine); border-color: transparent; width: fit-content; max-width: 85%;
                  margin-left: auto; }
  .message.mine .who { display: none; }
  .message.bad { background: var(--bad-page); border-color: var(--bad); }
  .message.quiet { background: none; border: 0; padding: 0 .9rem; color: var(--quiet); font-size: .9rem; }
  .message.under-way { opacity: .75; }
  .body { white-space: pre-wrap; }
  pre { margin: .4rem 0 0; overflow-x: auto; font-size: .85rem; white-space: pre-wrap; }
  summary { cursor: pointer; color: var(--quiet); }
  fieldset { border: 0; margin: 0; padding: 0; min-width: 0; }
  .row { display: flex; flex-wrap: wrap; gap: .5rem; margin-top: .5rem; }
  .row input { flex: 1; min-width: 0; }
  label.choice { display: flex; align-items: center; gap: .6rem; min-height: 2.75rem; }
  label.choice input { min-height: 0; width: 1.15rem; height: 1.15rem; accent-color: var(--accent); }
  .problem { color: var(--bad); margin: .4rem 0 0; }
  .problem:empty { display: none; }
</style>
</head>
<body>
<header>
  <h1>Learning chat</h1>
  <button id="stop" hidden>Stop</button>
  <button id="new" hidden>New conversation</button>
</header>
<main>
  <section id="workflows" aria-label="Workflows"></section>
  <section id="messages" role="log" aria-live="polite" aria-label="Conversation"></section>
</main>
<footer id="status" role="status"></footer>
<script>
"use strict";
const SILENCE_MS = 40_000; // the server says something every 15 seconds: so long a silence is a dead connection

// What the page knows besides what it shows: the run, how far it has read, and how often it failed to connect.
let run = null, cursor = 0, failures = 0, socket = null, silence, retry;

const part = (id) => document.getElementById(id);
const forms = () => document.querySelectorAll("form");

/** An element. Children that are strings become text nodes, so nothing that is shown can be HTML. */
function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children.filter((child) => child != null));
  return element;
}

/** Bold, italics and code of a message's markdown; the rest stays as it was written. */
function text(body) {
  const shown = make("div", {className: "body"});
  for (const piece of String(body ?? "").split(/(```[\s\S]+?```|`[^`\n]+`|\*\*[^*\n]+\*\*|\*[^*\s][^*\n]*\*)/)) {
    if (/^```[\s\S]+```$/.test(piece)) shown.append(make("pre", {}, piece.slice(3, -3)));
    else if (/^`.+`$/.test(piece)) shown.append(make("code", {}, piece.slice(1, -1)));
    else if (/^\*\*.+\*\*$/.test(piece)) shown.append(make("strong", {}, piece.slice(2, -2)));
    else if (/^\*.+\*$/.test(piece)) shown.append(make("em", {}, piece.slice(1, -1)));
    else shown.append(piece);
  }
  return shown;
}

const json = (value) => make("pre", {}, typeof value === "string" ? value : JSON.stringify(value, null, 2));
const folded = (title, ...content) => make("details", {}, make("summary", {}, title), ...content);
const row = (...children) => make("div", {className: "row"}, ...children);
const say = (sentence) => { part("status").textContent = sentence; };

// --- discovery and start ---------------------------------------------------------------------------------------------

// Sent with every request, for instance {"Authorization": "Bearer ..."}. A browser's WebSocket sends cookies, but no
// headers: where people sign in with a header, follow the run with fetch() on /fastagency/runs/{id}/events instead.
const HEADERS = {};

async function request(path, options = {}) {
  const headers = {...HEADERS, ...options.headers};
  const response = await fetch(path, {...options, headers}).catch(() => null);
  if (response === null) throw new Error("The server cannot be reached. Please try again in a moment.");
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(String(body.detail ?? `The server answered with ${response.status}.`));
  return body;
}

async function showWorkflows() {
  const shown = part("workflows");
  try {
    const workflows = await request("/fastagency/discovery");
    shown.replaceChildren(make("h2", {}, "What would you like to do?"), ...workflows.map(entry));
  } catch (error) {
    shown.replaceChildren(make("p", {}, error.message), make("button", {onclick: showWorkflows}, "Try again"));
  }
}

function entry({name, description}) {
  const onclick = () => start(name);
  return make("button", {className: "workflow", onclick}, make("strong", {}, description), make("small", {}, name));
}

async function start(name) {
  const body = {workflow_name: name, params: {}};
  if (crypto.randomUUID) body.workflow_uuid = crypto.randomUUID(); // an id of our own: safe to send again
  const headers = {"Content-Type": "application/json"};
  try {
    const reply = await request("/fastagency/initiate_workflow", {method: "POST", headers, body: JSON.stringify(body)});
    location.hash = reply.workflow_uuid; // the address of the conversation: a reload shows it again
  } catch (error) {
    say(error.message);
  }
}

// --- the connection --------------------------------------------------------------------------------------------------

function leave() {
  clearTimeout(retry);
  drop();
  [run, cursor, failures] = [null, 0, 0];
  for (const id of ["workflows", "messages"]) part(id).replaceChildren();
  part("stop").hidden = part("new").hidden = true;
  say("");
}

/** Close the connection and hear nothing more of it. */
function drop() {
  clearTimeout(silence);
  if (socket) socket.onclose = socket.onmessage = null;
  socket?.close();
  socket = null;
}

function connect() {
  for (const draft of document.querySelectorAll(".under-way")) draft.remove(); // pieces of it may have been missed
  const address = `${location.origin.replace(/^http/, "ws")}/fastagency/ws`;
  const opened = socket = new WebSocket(address, "fastagency.v2");
  opened.onopen = () => opened.send(JSON.stringify({workflow_uuid: run, after: cursor}));
  opened.onmessage = (event) => { failures = 0; listen(); show(JSON.parse(event.data)); };
  opened.onclose = (event) => ended(event.code);
  listen();
}

function listen() {
  clearTimeout(silence);
  silence = setTimeout(() => ended(1006), SILENCE_MS);
}

function ended(code) {
  drop();
  if (code === 1000 || code >= 4000) { // the run's end, or a refusal: the message before it says why
    part("stop").hidden = true;
    return say(code === 1000 ? "This conversation has ended." : "This conversation cannot be shown.");
  }
  for (const form of forms()) form.firstElementChild.disabled = true;
  say("The connection was lost. The conversation goes on without it; connecting again…");
  retry = setTimeout(connect, Math.min(500 * 2 ** failures++, 10_000) * (0.5 + Math.random() / 2));
}

const send = (frame) => socket?.readyState === WebSocket.OPEN && socket.send(JSON.stringify(frame));

// --- messages --------------------------------------------------------------------------------------------------------

/** One frame of the server. Numbered messages come in order, each once: a lost connection goes on at the cursor. */
function show(message) {
  const {type, content} = message;
  for (const form of forms()) form.firstElementChild.disabled = false;
  if (type === "text_chunk") return grow(message);
  if (type === "answer_result") return content.accepted || refused(content);
  cursor = message.seq ?? cursor;
  if (type !== "keep_alive" && type !== "run_status") add(message);
  say(forms().length || type === "run_status" && content.status !== "running" ? "" : "Working…");
}

function add(message) {
  const {type, sender, content} = message;
  const atBottom = innerHeight + scrollY >= document.body.scrollHeight - 100;
  drafts(sender)[0]?.remove();
  if (type === "input_answered") part(`question-${content.question}`)?.remove();
  if (/^workflow_(completed|failed|cancelled)$/.test(type)) for (const form of forms()) form.remove();
  part("messages").append(frame(message, ...widget(message)));
  if (atBottom) scrollTo({top: document.body.scrollHeight});
  if (!document.activeElement.closest("form")) forms()[0]?.querySelector("input, button").focus();
}

function frame({type, sender, recipient}, style, ...body) {
  const names = [sender, recipient].filter(Boolean).join(" → ");
  const who = names && make("div", {className: "who"}, names);
  const article = make("article", {className: `message ${style}`}, who, ...body);
  article.dataset.type = type;
  return article;
}

/** How each type of message looks: its style, and what is in it. */
function widget({type, uuid, content}) {
  const title = (words) => make("strong", {}, words);
  switch (type) {
    case "text_message": return ["", text(content.body)];
    case "text_input": return ["", text(content.prompt), form(uuid, ...textFields(uuid, content))];
    case "multiple_choice": return ["", text(content.prompt), form(uuid, ...choiceFields(uuid, content))];
    case "input_answered": return ["mine", text([content.value ?? "••••••"].flat().join(", ") || "(none)")];
    case "suggested_function_call":
      return ["", title(`Wants to call ${content.function_name}`), json(content.arguments)];
    case "function_call_execution":
      return ["", title(`${content.function_name} returned`), json(content.retval)];
    case "workflow_started": return ["quiet", `Started: ${content.description ?? content.name}`];
    case "workflow_completed": return ["quiet", "Completed", content.result && text(content.result)];
    case "workflow_cancelled": return ["quiet", content.reason ?? "Stopped"];
    case "error": case "workflow_failed":
      return ["bad", title(content.short ?? "Something went wrong."), content.long && folded("Details", content.long)];
    case "system_message": return ["quiet", notice(content.message)];
    case "thought": return ["quiet", folded("Thought", text(content.body))];
    case "usage":
      return ["quiet", `${content.model ?? "Model"}: ${content.prompt_tokens + content.completion_tokens} tokens`];
    default: return ["quiet", folded(type, json(content))]; // a newer server may know more types
  }
}

/** A notice is a free-form object: words if it has nothing but words, else the whole of it. */
function notice(message) {
  const values = Object.values(message);
  return values.every((value) => typeof value === "string") ? values.join(" · ") : folded("Notice", json(message));
}

const drafts = (sender) =>
  [...document.querySelectorAll(".under-way")].filter((draft) => draft.dataset.sender === String(sender));

/** A piece of a message under way; the whole message will replace it. */
function grow(message) {
  let [draft] = drafts(message.sender);
  if (!draft) {
    draft = frame(message, "under-way", make("div", {className: "body"}));
    draft.dataset.sender = String(message.sender);
    part("messages").append(draft);
  }
  const text = draft.lastElementChild;
  // A piece takes the place of what is there from its offset on: after a reconnection it is all of the text so far.
  text.textContent = text.textContent.slice(0, message.content.offset) + message.content.delta;
}

// --- questions -------------------------------------------------------------------------------------------------------

/** The form of an open question. It stays until the answer is in the log, whoever gave it. */
function form(question, ...fields) {
  const problem = make("p", {className: "problem", role: "alert"});
  const made = make("form", {id: `question-${question}`}, make("fieldset", {}, ...fields), problem);
  made.onsubmit = (event) => { event.preventDefault(); reply(question, filledIn(made)); };
  return made;
}

/** What is in a form: text, or the list of the ticked choices. */
function filledIn(form) {
  const boxes = [...form.querySelectorAll("[type=checkbox]")];
  return boxes.length ? boxes.filter((box) => box.checked).map((box) => box.value) : form.querySelector("input").value;
}

function textFields(question, {suggestions, password}) {
  const kind = password ? {type: "password", autocomplete: "new-password"} : {type: "text"};
  const input = make("input", {...kind, ariaLabel: "Your answer"});
  const typed = row(input, make("button", {className: "main"}, "Send"));
  return [suggestions.length ? row(...suggestions.map((words) => pick(question, words))) : null, typed];
}

function choiceFields(question, {choices, single, ...content}) {
  if (single) return [row(...choices.map((choice) => pick(question, choice, choice === content.default)))];
  const box = (choice) => make("input", {type: "checkbox", value: choice, checked: choice === content.default});
  const boxes = choices.map((choice) => make("label", {className: "choice"}, box(choice), choice));
  return [...boxes, row(make("button", {className: "main"}, "Confirm"))];
}

const pick = (question, value, first) =>
  make("button", {type: "button", className: first ? "main" : "", onclick: () => reply(question, value)}, value);

const reply = (question, value) => send({type: "answer", question, value});

function refused({question, reason}) {
  const problem = part(`question-${question}`)?.querySelector(".problem");
  if (problem) problem.textContent = reason;
}

// --- the page --------------------------------------------------------------------------------------------------------

function route() {
  leave();
  run = location.hash.slice(1);
  if (!run) return showWorkflows();
  part("new").hidden = part("stop").hidden = false;
  say("Connecting…");
  connect();
}

part("stop").onclick = () => send({type: "cancel"});
part("new").onclick = () => { location.hash = ""; };
addEventListener("hashchange", route);
route();
</script>
</body>
</html>
"""


@app.get("/", response_class=HTMLResponse, include_in_schema=False)
async def client() -> str:
    return html
