// One widget for each type of message: a function from a row (see render.py) to an element, or null for nothing.
// `board` is what is already shown, for rows that belong to an earlier one: a result to its call, an answer to its
// question.

import { element, icon, iconButton, markdown } from "./dom.js";

export class Board {
  constructor() {
    this.calls = new Map();
    this.questions = new Map();
    this.answered = new Set();
  }

  /** Questions that were never answered will not be any more once the run has ended. */
  close() {
    this.questions.forEach((state, id) => {
      if (!this.answered.has(id)) setQuestionState(state, "closed");
    });
  }
}

export function widget(row, board) {
  const make = WIDGETS[row.type] || unknown;
  const made = make(row, board);
  if (!made) return null;
  made.dataset.type = row.type;
  made.dataset.id = row.id;
  if (row.seq) made.dataset.seq = row.seq;
  return made;
}

/** A message that is still being written; `text_message` of the same sender takes its place. */
export function growing(stream) {
  const content = markdown(stream.html);
  const bubble = element("div", "bubble growing", content);
  const made = element("article", "message", avatar(stream.sender), element("div", "column", heading(stream), bubble));
  made.dataset.type = "text_chunk";
  made.dataset.sender = stream.sender || "";
  return { made, content };
}

const WIDGETS = {
  text_message: (row) => {
    const copy = iconButton("copy", "Copy this message", () => copyText(copy, row.body));
    copy.classList.add("copy");
    const head = heading(row);
    head.append(copy);
    const column = element("div", "column", head, element("div", "bubble", markdown(row.html)));
    return element("article", "message", avatar(row.sender), column);
  },

  workflow_started: (row) => {
    const subtitle = element("span", "card-note", row.description || "");
    if (!row.params) return element("div", "card plain flow", icon("play"), title(`Started ${row.name || "workflow"}`), subtitle);
    return folding("flow", "play", `Started ${row.name || "workflow"}`, row.description, [section("Parameters", row.params)]);
  },

  workflow_completed: (row) => {
    const head = element("div", "card-head", icon("flag"), title("Finished"), stamp(row));
    return element("section", "card done", head, row.body ? element("div", "card-body", markdown(row.html)) : null);
  },

  workflow_failed: (row) => trouble("alert", row.short || "The workflow failed.", row),
  workflow_cancelled: (row) => element("div", "card plain stopped", icon("stop"), title(row.short || "Stopped"), stamp(row)),
  error: (row) => trouble("alert", row.short || "Something went wrong.", row),

  suggested_function_call: (row, board) => {
    const card = folding("call", "tool", row.name || "Function", `called by ${row.sender || "an agent"}`, [
      section("Arguments", row.arguments),
    ]);
    card.querySelector(".card-note").after(element("span", "badge", "running"));
    if (row.call) board.calls.set(row.call, card);
    return card;
  },

  function_call_execution: (row, board) => {
    const card = board.calls.get(row.call);
    const result = section(row.failed ? "Error" : "Result", row.result);
    if (!card) {
      const alone = folding("call", "tool", row.name || "Function", `run by ${row.sender || "an agent"}`, [result]);
      const badge = element("span", "badge");
      alone.querySelector(".card-note").after(badge);
      setOutcome(badge, row);
      return alone;
    }
    board.calls.delete(row.call);
    card.append(result);
    setOutcome(card.querySelector(".badge"), row);
    return null;
  },

  text_input: question,
  multiple_choice: question,

  input_answered: (row, board) => {
    board.answered.add(row.question);
    if (board.questions.has(row.question)) setQuestionState(board.questions.get(row.question), "answered");
    const values = row.values === null ? [icon("lock"), "hidden answer"] : answerText(row.values);
    const bubble = element("div", "bubble", ...values);
    const head = element("header", "who", element("b", "", "You"), stamp(row));
    return element("article", "message mine", avatar(null, "person"), element("div", "column", head, bubble));
  },

  system_message: (row) => {
    if (row.details !== undefined) return folding("notice", "info", row.heading || "System message", "", [section("", row.details)]);
    const text = markdown(row.html);
    return element("div", "notice", icon("info"), row.heading ? element("b", "", row.heading) : null, text);
  },

  thought: (row) => {
    const card = folding("thought", "thought", `${row.sender || "Agent"} is thinking`, firstLine(row.body), []);
    card.append(element("div", "card-body", markdown(row.html)));
    return card;
  },

  usage: (row) => {
    const count = (number) => number.toLocaleString();
    const text = `${count(row.prompt)} tokens in, ${count(row.completion)} out`;
    return element("p", "footnote", row.model ? `${row.model} · ${text}` : text);
  },
};

function unknown(row) {
  return folding("notice", "code", row.type, row.sender || "", [section("", row.details || JSON.stringify(row, null, 2))]);
}

function setOutcome(badge, row) {
  badge.textContent = row.failed ? "failed" : "done";
  badge.classList.add(row.failed ? "badge-failed" : "badge-done");
}

function question(row, board) {
  const state = element("p", "question-state");
  setQuestionState(state, board.answered.has(row.id) ? "answered" : "waiting");
  board.questions.set(row.id, state);
  const bubble = element("div", "bubble question", markdown(row.html || "Please answer."), state);
  return element("article", "message", avatar(row.sender), element("div", "column", heading(row), bubble));
}

const QUESTION_STATES = {
  waiting: ["question", "Waiting for your answer"],
  answered: ["check", "Answered"],
  closed: ["close", "Not answered"],
};

function setQuestionState(state, name) {
  const [shape, label] = QUESTION_STATES[name];
  state.dataset.state = name;
  state.replaceChildren(icon(shape), label);
}

function trouble(shape, sentence, row) {
  if (!row.long) return element("div", "card plain trouble", icon(shape), title(sentence), stamp(row));
  return folding("trouble", shape, sentence, row.sender || "", [section("", row.long)]);
}

function folding(kind, shape, heading, note, sections) {
  const summary = element("summary", "card-head", icon(shape), title(heading), element("span", "card-note", note || ""), icon("chevron"));
  return element("details", `card ${kind}`, summary, ...sections);
}

function section(label, text) {
  return element("div", "section", label ? element("h4", "", label) : null, element("pre", "", text));
}

function title(text) {
  return element("span", "card-title", text);
}

function heading(row) {
  const recipient = row.recipient ? element("span", "recipient", `to ${row.recipient}`) : null;
  return element("header", "who", element("b", "", row.sender || "Workflow"), recipient, row.at ? stamp(row) : null);
}

function stamp(row) {
  if (!row.at) return null;
  const at = new Date(row.at);
  const made = element("time", "", at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
  made.dateTime = row.at;
  made.title = at.toLocaleString();
  return made;
}

function avatar(sender, shape) {
  const made = element("div", "avatar", shape ? icon(shape) : (sender || "W").trim().charAt(0).toUpperCase());
  made.setAttribute("aria-hidden", "true");
  if (sender) made.style.setProperty("--hue", hueOf(sender));
  return made;
}

/** The same colour for the same name, everywhere. */
function hueOf(name) {
  let hash = 7;
  for (const letter of name) hash = (hash * 31 + letter.codePointAt(0)) % 997;
  return Math.round((hash * 137.5) % 360);
}

function answerText(values) {
  if (values.length === 1) return [values[0] || element("i", "", "Nothing written")];
  return values.length ? values.map((value) => element("span", "chip", icon("check"), value)) : ["Nothing chosen"];
}

function firstLine(text) {
  return (text || "").split("\n", 1)[0];
}

async function copyText(button, text) {
  const copied = (await clipboard(text)) || copyBySelection(text);
  button.replaceChildren(icon(copied ? "check" : "close"));
  button.title = copied ? "Copied" : "This browser did not let the page copy";
  setTimeout(() => {
    button.replaceChildren(icon("copy"));
    button.title = "Copy this message";
  }, 1500);
}

async function clipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false; // Not there on plain http, or not allowed.
  }
}

function copyBySelection(text) {
  const field = element("textarea");
  field.value = text;
  field.style.cssText = "position:fixed;opacity:0";
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  return copied;
}
