// @ts-check
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { find, heard, ROWS, settled, text } from "./sample.js";

/** @import { HistoryPage, Row, RunLine, StreamLine } from "../../../../../frontend/fastagency_frontend/page/static/wire.d.ts" */

/**
 * @typedef {HTMLElement & {
 *   conversation: string, revision: string, acknowledged: number, changed: string, list: HTMLElement,
 *   page(page: HistoryPage): void, news(rows: Row[]): void, stream(stream: StreamLine): void, run(run: RunLine): void,
 *   gone(sentence: string): void
 * }} Transcript
 */

await import("../../../../../frontend/fastagency_frontend/page/static/transcript.js");

/** @type {RunLine} */
const RUN = { phase: "working", revision: "r1" };

/** The requests that nobody has answered yet, by address. @type {Map<string, (value: unknown) => void>} */
let asked;
/** @type {Transcript} */
let transcript;

beforeEach(() => {
  asked = new Map();
  mock.method(
    globalThis,
    "fetch",
    (/** @type {string} */ address) => new Promise((resolve) => void asked.set(address, resolve)),
  );
  transcript = /** @type {Transcript} */ (document.createElement("fa-transcript"));
  transcript.changed = "handler";
  transcript.conversation = "abc";
  transcript.revision = "r1";
  document.body.append(transcript);
});

afterEach(() => {
  transcript.remove();
  mock.restoreAll();
});

/**
 * @param {string} query
 * @param {object | null} page null: the answer is an error
 * @param {string} [run]
 */
async function answered(query, page, run = "abc") {
  const arrive = asked.get(`/__fastagency__/runs/${run}/history${query}`);
  assert.ok(arrive, `nobody asked for ${query} of ${run}`);
  arrive(page ? Response.json(page) : new Response("", { status: 502 }));
  await settled();
}

/**
 * @param {number} first
 * @param {number} last
 * @returns {HistoryPage}
 */
function page(first, last) {
  const rows = Array.from({ length: last - first + 1 }, (_, index) => text(first + index));
  return { rows, first, last, more: first > 1, run: RUN };
}

const shown = () => [...transcript.list.children].map((row) => /** @type {HTMLElement} */ (row).dataset.seq);
const more = () => find(transcript, ".more");

test("rows are appended, each once", async () => {
  await answered("", page(1, 2));
  transcript.news([text(2), text(3)]);
  transcript.news([text(3)]);
  assert.deepEqual(shown(), ["1", "2", "3"]);
});

test("the newest page offers earlier ones, which come before it", async () => {
  await answered("", page(3, 4));
  assert.equal(more().hidden, false);
  more().click();
  await answered("?before=3", page(1, 2));
  assert.deepEqual(shown(), ["1", "2", "3", "4"]);
  assert.equal(more().hidden, true);
});

test("earlier messages that could not be read can be asked for again", async () => {
  await answered("", page(5, 6));
  more().click();
  await answered("?before=5", null);
  assert.match(more().textContent ?? "", /could not be read/);
  more().click();
  await answered("?before=5", page(3, 4));
  assert.deepEqual(shown(), ["3", "4", "5", "6"]);
  assert.equal(more().textContent, "Show earlier messages");
});

test("earlier messages that arrive after another conversation was opened are not shown there", async () => {
  await answered("", page(3, 4));
  more().click();
  transcript.conversation = "def";
  await answered("", page(7, 8), "def");
  await answered("?before=3", page(1, 2));
  assert.deepEqual(shown(), ["7", "8"]);
});

test("a message under way grows, and makes room for the finished one", async () => {
  await answered("", page(1, 1));
  transcript.stream({ id: "s", sender: "ada", html: "<p>so</p>" });
  transcript.stream({ id: "s", sender: "ada", html: "<p>so far</p>" });
  assert.equal(find(transcript, ".growing").innerHTML, '<div class="markdown"><p>so far</p></div>');
  transcript.news([text(2, { sender: "bob" })]);
  assert.equal(find(transcript, ".growing").textContent, "so far");
  transcript.news([text(3)]);
  assert.deepEqual(shown(), ["1", "2", "3"]);
  transcript.stream({ id: "s", sender: "ada", html: "<p>again</p>" });
  assert.equal(find(transcript, ".growing").textContent, "again");
});

test("the end of the run ends every message under way and closes its questions", () => {
  transcript.news([{ ...ROWS.text_input, id: "q" }]);
  transcript.stream({ id: "s", sender: "ada", html: "<p>so</p>" });
  transcript.news([{ ...ROWS.workflow_cancelled, seq: 2, sender: null }]);
  transcript.run({ phase: "cancelled", revision: "r1" });
  assert.deepEqual(shown(), ["1", "2"]);
  assert.equal(find(transcript, ".question-state").dataset.state, "closed");
  assert.equal(find(transcript, ".working").hidden, true);
});

test("Mesop is told once of each revision that it does not show", () => {
  const events = heard(transcript);
  transcript.run(RUN);
  transcript.run({ phase: "waiting", revision: "r2" });
  transcript.run({ phase: "waiting", revision: "r2" });
  assert.deepEqual(events, [{ handlerId: "handler", payload: { revision: "r2" } }]);
  transcript.revision = "r2";
  transcript.run({ phase: "waiting", revision: "r2" });
  transcript.run({ phase: "working", revision: "r3" });
  assert.equal(events.length, 2);
});

test("properties that are set again change nothing", async () => {
  await answered("", page(1, 2));
  asked.clear();
  transcript.conversation = "abc";
  transcript.revision = "r1";
  await settled();
  assert.deepEqual(shown(), ["1", "2"]);
  assert.equal(asked.size, 0);
});

test("a long conversation keeps its newest rows, and the others can be asked for", async () => {
  await answered("", page(1, 60));
  transcript.news(page(61, 301).rows);
  assert.equal(transcript.list.childElementCount, 201);
  assert.equal(shown()[0], "101");
  assert.equal(more().hidden, false);
  more().click();
  await answered("?before=101", page(91, 100));
  assert.equal(shown()[0], "91");
});

test("a conversation that is gone shows a sentence and nothing else", async () => {
  await answered("", page(1, 2));
  transcript.gone("It was deleted.");
  assert.equal(transcript.list.textContent, "It was deleted.");
});

test("a person who has scrolled up stays there", async () => {
  const scroller = find(transcript, ".scroller");
  const jump = find(transcript, ".jump");
  Object.defineProperties(scroller, {
    scrollHeight: { value: 2000, configurable: true },
    clientHeight: { value: 500, configurable: true },
  });
  const scrolled = (/** @type {number} */ top) => {
    scroller.scrollTop = top;
    scroller.dispatchEvent(new CustomEvent("scroll"));
  };
  await answered("", page(1, 2));
  assert.equal(scroller.scrollTop, 2000);
  scrolled(1500);
  scrolled(700);
  assert.equal(jump.hidden, false);
  transcript.news([text(3)]);
  assert.equal(scroller.scrollTop, 700);
  scrolled(1480);
  assert.equal(jump.hidden, true);
  transcript.news([text(4)]);
  assert.equal(scroller.scrollTop, 2000);
});

test("a newest page that comes again takes the place of all that is shown", async () => {
  await answered("", page(1, 3));
  transcript.stream({ id: "s", sender: "ada", html: "under way" });
  transcript.page(page(1, 2));
  assert.deepEqual(shown(), ["1", "2"]);
  transcript.news([text(3)]);
  assert.deepEqual(shown(), ["1", "2", "3"]);
});
