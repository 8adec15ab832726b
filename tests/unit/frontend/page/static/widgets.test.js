// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { avatar, copyButton, growing } from "../../../../../frontend/fastagency_frontend/page/static/part.js";
import { Board, widget } from "../../../../../frontend/fastagency_frontend/page/static/widgets.js";
import { find, HEAD, ROWS, settled } from "./sample.js";

/** @import { Row } from "../../../../../frontend/fastagency_frontend/page/static/wire.d.ts" */

/**
 * @param {Row} row
 * @param {Board} [board]
 */
function shown(row, board = new Board()) {
  const made = widget(row, board);
  assert.ok(made, `${row.type} shows nothing`);
  return made;
}

for (const row of Object.values(ROWS)) {
  test(`${row.type} has a widget that says what it shows`, () => {
    const made = shown(row);
    assert.deepEqual({ ...made.dataset }, { type: row.type, id: "m1", seq: "1" });
  });
}

test("what an agent wrote is text, wherever it is shown", () => {
  const evil = "<img src=x onerror=alert(1)>";
  for (const row of Object.values(ROWS)) {
    const fields = Object.entries(row).map(([name, value]) => [
      name,
      typeof value === "string" && !["type", "html", "at"].includes(name) ? evil : value,
    ]);
    const made = shown(/** @type {Row} */ (Object.fromEntries(fields)));
    assert.equal(made.querySelector("img"), null, row.type);
  }
});

test("a row without a sender is the workflow's", () => {
  const made = shown({ ...ROWS.text_message, sender: null, recipient: null, at: null });
  assert.equal(find(made, ".who b").textContent, "Workflow");
  assert.equal(find(made, ".avatar").textContent, "W");
  assert.equal(made.querySelector("time, .recipient"), null);
});

test("a result goes into the card of its call, which says that it is done", () => {
  const board = new Board();
  const card = shown(ROWS.suggested_function_call, board);
  assert.equal(find(card, ".badge").textContent, "running");
  assert.equal(widget(ROWS.function_call_execution, board), null);
  assert.equal(find(card, ".badge-done").textContent, "done");
  assert.deepEqual(
    [...card.querySelectorAll("pre")].map((each) => each.textContent),
    ['{"city": "Zagreb"}', "23.5"],
  );
});

test("a call that failed says so, in its card or in one of its own", () => {
  const board = new Board();
  const failed = { ...ROWS.function_call_execution, failed: true, result: "no such city" };
  const card = shown(ROWS.suggested_function_call, board);
  widget(failed, board);
  for (const made of [card, shown(failed)]) {
    assert.equal(find(made, ".badge-failed").textContent, "failed");
    assert.match(made.textContent ?? "", /Error.*no such city/s);
  }
});

test("a result whose call is not shown has a card of its own, and so has one that names no call", () => {
  const board = new Board();
  shown({ ...ROWS.suggested_function_call, call: null }, board);
  assert.match(shown(ROWS.function_call_execution, board).textContent ?? "", /run by ada.*23\.5/s);
  assert.match(shown({ ...ROWS.function_call_execution, call: null }, board).textContent ?? "", /23\.5/);
});

test("a question waits until its answer, and is closed with the run if there is none", () => {
  const board = new Board();
  const [first, second] = [shown(ROWS.text_input, board), shown({ ...ROWS.multiple_choice, id: "m2" }, board)];
  const states = () => [first, second].map((each) => find(each, ".question-state").dataset.state);
  assert.deepEqual(states(), ["waiting", "waiting"]);
  shown(ROWS.input_answered, board);
  assert.deepEqual(states(), ["answered", "waiting"]);
  board.close();
  assert.deepEqual(states(), ["answered", "closed"]);
});

test("a question whose time is over is closed, read before or after", () => {
  const [before, after] = [new Board(), new Board()];
  const early = shown(ROWS.text_input, before);
  assert.equal(shown(ROWS.question_expired, before).textContent?.includes("Nobody answered in time."), true);
  shown(ROWS.question_expired, after);
  for (const made of [early, shown(ROWS.text_input, after)])
    assert.equal(find(made, ".question-state").dataset.state, "closed");
});

test("a question that is read after its answer is answered", () => {
  const board = new Board();
  shown(ROWS.input_answered, board);
  assert.equal(find(shown(ROWS.text_input, board), ".question-state").dataset.state, "answered");
});

for (const [values, text] of /** @type {[string[] | null, string][]} */ ([
  [null, "hidden answer"],
  [[], "Nothing chosen"],
  [["one"], "one"],
  [["a", "b"], "ab"],
])) {
  test(`the answer ${JSON.stringify(values)} is shown as "${text}"`, () => {
    assert.equal(find(shown({ ...ROWS.input_answered, values }), ".bubble").textContent, text);
  });
}

test("details are folded away where there are any", () => {
  assert.equal(shown({ ...ROWS.error, long: null }).tagName, "DIV");
  assert.equal(shown(ROWS.error).tagName, "DETAILS");
  assert.equal(shown({ ...ROWS.workflow_started, params: "{}" }).tagName, "DETAILS");
});

test("a notice without a text is shown as the object that it is", () => {
  const made = shown({ ...HEAD, type: "system_message", heading: null, details: '{"a": 1}' });
  assert.equal(find(made, ".card-title").textContent, "System message");
  assert.equal(find(made, "pre").textContent, '{"a": 1}');
});

test("a thought is told by its first line", () => {
  assert.equal(find(shown(ROWS.thought), ".card-note").textContent, "first line");
});

test("a row of a type that this page does not know is shown as it is", () => {
  const made = shown(/** @type {any} */ ({ ...ROWS.usage, type: "hologram" }));
  assert.equal(made.dataset.type, "hologram");
  assert.match(find(made, "pre").textContent ?? "", /"model": "m-1"/);
});

test("the same name has the same colour, another name another", () => {
  const hue = (/** @type {string} */ name) => avatar(name).style.getPropertyValue("--hue");
  assert.equal(hue("ada"), hue("ada"));
  assert.notEqual(hue("ada"), hue("bob"));
});

test("a message under way is marked as such", () => {
  const { made, content } = growing({ sender: "ada", html: "<p>so far</p>" });
  assert.deepEqual({ ...made.dataset }, { type: "text_chunk", sender: "ada" });
  assert.equal(content.innerHTML, "<p>so far</p>");
});

test("a text is copied by the clipboard, or by selecting it where there is none", async () => {
  /** @type {string[]} */
  const copied = [];
  const clipboard = { writeText: async (/** @type {string} */ text) => void copied.push(text) };
  Object.defineProperty(globalThis, "navigator", { value: { clipboard }, configurable: true });
  document.execCommand = () => {
    copied.push(document.querySelector("textarea")?.value ?? "nothing");
    return false;
  };
  const button = copyButton("Copy this message", "*hi*");
  button.click();
  await settled();
  assert.equal(button.title, "Copied");
  Object.defineProperty(globalThis, "navigator", { value: {}, configurable: true });
  button.click();
  await settled();
  assert.equal(button.title, "This browser did not let the page copy");
  assert.deepEqual(copied, ["*hi*", "*hi*"]);
  assert.equal(document.querySelector("textarea"), null);
});

test("a text that was interrupted says so", () => {
  assert.equal(shown(ROWS.text_message).querySelector(".cut"), null);
  assert.equal(find(shown({ ...ROWS.text_message, interrupted: true }), ".cut").textContent, "Interrupted");
});

/** @param {HTMLElement} made */
const badge = (made) => find(made, ".badge").textContent;

test("a call that is read after its result takes it in", () => {
  const board = new Board();
  const list = document.createElement("div");
  list.append(shown({ ...ROWS.function_call_execution, seq: 9 }, board));
  const card = shown({ ...ROWS.suggested_function_call, seq: 3 }, board);
  assert.equal(badge(card), "done");
  assert.match(card.textContent ?? "", /23\.5/);
  assert.equal(list.childElementCount, 0);
});

test("calls that are counted anew in each reply keep their own results", () => {
  const board = new Board();
  const late = shown({ ...ROWS.suggested_function_call, seq: 7 }, board);
  const early = shown({ ...ROWS.suggested_function_call, seq: 3 }, board);
  assert.equal(widget({ ...ROWS.function_call_execution, seq: 4, result: "first" }, board), null);
  assert.deepEqual([badge(early), badge(late)], ["done", "running"]);
  widget({ ...ROWS.function_call_execution, seq: 8, failed: true }, board);
  assert.deepEqual([badge(early), badge(late)], ["done", "failed"]);
});

test("nothing runs or waits any more in a run that has ended, whenever it is read", () => {
  const board = new Board();
  const before = shown(ROWS.suggested_function_call, board);
  board.close();
  assert.equal(badge(before), "no result");
  assert.equal(badge(shown({ ...ROWS.suggested_function_call, seq: 0 }, board)), "no result");
  assert.equal(find(shown(ROWS.text_input, board), ".question-state").dataset.state, "closed");
});

test("each block of code can be copied", () => {
  const html = "<p>a</p><pre><code>one\n</code></pre><blockquote><pre>two</pre></blockquote>";
  const made = shown({ ...ROWS.text_message, html });
  const names = [...made.querySelectorAll("figure > button")].map((each) => each.getAttribute("aria-label"));
  assert.deepEqual(names, ["Copy", "Copy"]);
  assert.equal(find(made, "blockquote figure pre").textContent, "two");
});
