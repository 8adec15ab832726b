// @ts-check
// One widget for each type of message: a function from a row (see row.py) to an element, or null for nothing.
// `board` is what is already shown, for rows that belong to an earlier one: a result to its call, an answer to its
// question.

import { Calls } from "./calls.js";
import { element, icon } from "./dom.js";
import { avatar, copyButton, folding, heading, line, markdown, message, section, stamp, title } from "./part.js";

/** @import { AnsweredRow, ErrorRow, FailedRow, MultipleChoiceRow } from "./wire.d.ts" */
/** @import { Row, RowHead, TextInputRow } from "./wire.d.ts" */

/** @typedef {keyof typeof QUESTION_STATES} QuestionState */

const QUESTION_STATES = {
  waiting: { shape: "question", label: "Waiting for your answer" },
  answered: { shape: "check", label: "Answered" },
  closed: { shape: "close", label: "Not answered" },
};

export class Board {
  calls = new Calls();
  /** The lines that say how it stands with a question, by question. @type {Map<string, HTMLElement>} */
  questions = new Map();
  /** Questions that have an answer. @type {Set<string>} */
  answered = new Set();

  /** Questions whose deadline has passed. @type {Set<string>} */
  expired = new Set();

  over = false;

  /** The run has ended: what waits for an answer or a result waits for nothing any more. */
  close() {
    this.over = true;
    this.calls.close();
    for (const [id, state] of this.questions) if (!this.answered.has(id)) setQuestionState(state, "closed");
  }
}

/**
 * The element that shows a row; null where an earlier one shows it.
 *
 * @param {Row} row
 * @param {Board} board
 */
export function widget(row, board) {
  const make = /** @type {Maker<Row>} */ (WIDGETS[row.type] ?? unknown);
  const made = make(row, board);
  if (!made) return null;
  made.dataset.type = row.type;
  made.dataset.id = row.id;
  if (row.seq) made.dataset.seq = String(row.seq);
  return made;
}

/**
 * @template {Row} R
 * @typedef {(row: R, board: Board) => HTMLElement | null} Maker
 */

/** @type {{ [Type in Row["type"]]: Maker<Extract<Row, { type: Type }>> }} */
const WIDGETS = {
  text_message: (row) => {
    const head = heading(row);
    head.append(copyButton("Copy this message", row.body));
    const cut = "interrupted" in row ? element("p", "cut", icon("stop"), "Interrupted") : null;
    return message(avatar(row.sender), head, element("div", "bubble", markdown(row.html), cut));
  },

  workflow_started: (row) => {
    const sentence = `Started ${row.name || "workflow"}`;
    if (!row.params) return line("flow", "play", sentence, element("span", "card-note", row.description));
    return folding("flow", "play", sentence, row.description, section("Parameters", row.params));
  },

  workflow_completed: (row) => {
    const head = element("div", "card-head", icon("flag"), title("Finished"), stamp(row));
    return element("section", "card done", head, row.body ? element("div", "card-body", markdown(row.html)) : null);
  },

  workflow_failed: (row) => trouble(row.short || "The workflow failed.", row),
  workflow_cancelled: (row) => line("stopped", "stop", row.short || "Stopped", stamp(row)),
  workflow_resumed: (row) => line("flow", "play", "Goes on from where it failed", stamp(row)),
  error: (row) => trouble(row.short || "Something went wrong.", row),

  suggested_function_call: (row, board) => board.calls.call(row),
  function_call_execution: (row, board) => board.calls.result(row),

  text_input: question,
  multiple_choice: question,
  input_answered: answer,
  question_expired: (row, board) => {
    board.expired.add(row.question);
    const state = board.questions.get(row.question);
    if (state) setQuestionState(state, "closed");
    return line("flow", "info", row.text, stamp(row));
  },

  system_message: (row) => {
    if ("details" in row) {
      return folding("notice", "info", row.heading || "System message", "", section("", row.details));
    }
    const head = row.heading ? element("b", "", row.heading) : null;
    return element("div", "notice", icon("info"), head, markdown(row.html));
  },

  thought: (row) => {
    const body = element("div", "card-body", markdown(row.html));
    return folding("thought", "thought", `${row.sender || "Agent"} is thinking`, firstLine(row.body), body);
  },

  usage: (row) => {
    const text = `${row.prompt.toLocaleString()} tokens in, ${row.completion.toLocaleString()} out`;
    return element("p", "footnote", row.model ? `${row.model} · ${text}` : text);
  },
};

/**
 * A row that is newer than this page: shown as it is.
 *
 * @param {RowHead & { type: string }} row
 */
function unknown(row) {
  return folding("notice", "code", row.type, row.sender, section("", JSON.stringify(row, null, 2)));
}

/**
 * @param {TextInputRow | MultipleChoiceRow} row
 * @param {Board} board
 */
function question(row, board) {
  const state = element("p", "question-state");
  const closed = board.over || board.expired.has(row.id);
  setQuestionState(state, board.answered.has(row.id) ? "answered" : closed ? "closed" : "waiting");
  board.questions.set(row.id, state);
  const bubble = element("div", "bubble question", markdown(row.html || "Please answer."), state);
  return message(avatar(row.sender), heading(row), bubble);
}

/**
 * @param {AnsweredRow} row
 * @param {Board} board
 */
function answer(row, board) {
  board.answered.add(row.question);
  const state = board.questions.get(row.question);
  if (state) setQuestionState(state, "answered");
  const values = row.values === null ? [icon("lock"), "hidden answer"] : answerText(row.values);
  const head = element("header", "who", element("b", "", "You"), stamp(row));
  const made = message(avatar(null, "person"), head, element("div", "bubble", ...values));
  made.classList.add("mine");
  return made;
}

/** @param {string[]} values */
function answerText(values) {
  if (values.length === 1) return [values[0] || element("i", "", "Nothing written")];
  return values.length ? values.map((value) => element("span", "chip", icon("check"), value)) : ["Nothing chosen"];
}

/**
 * @param {HTMLElement} state
 * @param {QuestionState} name
 */
function setQuestionState(state, name) {
  const { shape, label } = QUESTION_STATES[name];
  state.dataset.state = name;
  state.replaceChildren(icon(shape), label);
}

/**
 * @param {string} sentence
 * @param {ErrorRow | FailedRow} row
 */
function trouble(sentence, row) {
  if (!row.long) return line("trouble", "alert", sentence, stamp(row));
  return folding("trouble", "alert", sentence, row.sender, section("", row.long));
}

/** @param {string} text */
function firstLine(text) {
  return text.split("\n", 1)[0] ?? "";
}
