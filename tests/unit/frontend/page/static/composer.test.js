// @ts-check
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { reportAnswered } from "../../../../../frontend/fastagency_frontend/page/static/answered.js";
import { find, heard, settled } from "./sample.js";

/** @import { ComposerProperties } from "../../../../../frontend/fastagency_frontend/page/static/wire.d.ts" */

/** @typedef {HTMLElement & ComposerProperties & { answered: string }} Composer */

await import("../../../../../frontend/fastagency_frontend/page/static/composer.js");

/** @type {ComposerProperties} */
const PROPERTIES = {
  question: "q1",
  conversation: "abc",
  label: "Name?",
  password: false,
  refusal: "",
  accepted: "",
  acknowledged: 1,
};

/** @type {Composer} */
let composer;
/** @type {ReturnType<typeof heard>} */
let events;
/** Questions are told apart by these: what was accepted once stays accepted, and tests follow each other. */
let number = 0;

const q = (/** @type {number} */ index) => `test-${number}-${index}`;

beforeEach(async () => {
  number += 1;
  now += 1000;
  window.localStorage.clear();
  window.sessionStorage.clear();
  composer = await opened();
  events = heard(composer);
});

afterEach(() => composer.remove());

let now = 0;
mock.method(performance, "now", () => now);

/**
 * A composer as Mesop makes one.
 *
 * @param {Partial<ComposerProperties>} [properties]
 */
async function opened(properties = {}) {
  const made = /** @type {Composer} */ (document.createElement("fa-composer"));
  made.answered = "handler";
  document.body.append(made);
  Object.assign(made, { ...PROPERTIES, question: q(1), ...properties });
  await settled();
  return made;
}

/**
 * Mesop renders again.
 *
 * @param {Partial<ComposerProperties>} properties
 */
async function rendered(properties) {
  Object.assign(composer, properties);
  await settled();
}

const field = () => /** @type {HTMLTextAreaElement | HTMLInputElement} */ (find(composer, ".field"));
const send = () => /** @type {HTMLButtonElement} */ (find(composer, ".send"));
const note = () => find(composer, ".refusal").textContent;
const drafts = () => ({ ...window.localStorage });

/** @param {string} text */
function write(text) {
  field().value = text;
  field().dispatchEvent(new CustomEvent("input"));
}

/**
 * @param {KeyboardEventInit} [how]
 * @param {number} [keyCode]
 */
function enter(how = {}, keyCode = 13) {
  const event = new KeyboardEvent("keydown", { key: "Enter", cancelable: true, ...how });
  Object.defineProperty(event, "keyCode", { value: keyCode });
  field().dispatchEvent(event);
  return event;
}

test("Enter sends what was written, once", () => {
  write("Ada");
  assert.equal(enter().defaultPrevented, true);
  enter();
  send().click();
  assert.deepEqual(events, [{ handlerId: "handler", payload: { question: q(1), text: "Ada" } }]);
  assert.equal(send().disabled, true);
});

for (const [name, how, keyCode] of /** @type {[string, KeyboardEventInit, number][]} */ ([
  ["with Shift", { shiftKey: true }, 13],
  ["that ends a word of an input method", { isComposing: true }, 13],
  ["that ends a word of an input method, in old browsers", {}, 229],
])) {
  test(`Enter ${name} does not send`, () => {
    write("Ada");
    assert.equal(enter(how, keyCode).defaultPrevented, false);
    assert.deepEqual(events, []);
  });
}

test("an empty answer counts, but not as the second half of a double press", async () => {
  write("Ada");
  enter();
  await rendered({ question: q(2), accepted: q(1) });
  assert.equal(send().disabled, true);
  enter();
  assert.equal(events.length, 1);
  now += 250;
  enter();
  assert.deepEqual(events[1]?.payload, { question: q(2), text: "" });
});

test("a key that is held down sends nothing", () => {
  write("Ada");
  enter({ repeat: true });
  assert.deepEqual(events, []);
});

test("the field says what it answers", async () => {
  assert.equal(field().getAttribute("aria-label"), "Your answer to: Name?");
  await rendered({ question: q(2), password: true, label: "Word?" });
  assert.equal(field().getAttribute("aria-label"), "Your answer to: Word?");
});

test("a draft is there again when the page is", async () => {
  write("half a sen");
  composer.remove();
  window.sessionStorage.clear();
  composer = await opened();
  assert.equal(field().value, "half a sen");
});

test("an answer that was accepted leaves no draft", async () => {
  write("Ada");
  enter();
  await rendered({ question: q(2), accepted: q(1), acknowledged: 2 });
  assert.deepEqual(drafts(), {});
  assert.equal(field().value, "");
  assert.equal(note(), "");
});

test("an answer that was refused can be mended and sent again, and outlives a reload", async () => {
  write("Ada");
  enter();
  await rendered({ refusal: "Too short.", acknowledged: 2 });
  assert.equal(note(), "Too short.");
  assert.equal(send().disabled, false);
  composer.remove();
  window.sessionStorage.clear();
  composer = await opened();
  assert.equal(field().value, "Ada");
});

test("what was written for a question that is gone needs a second word before it answers the next", async () => {
  write("Ada");
  await rendered({ question: q(2) });
  assert.equal(field().value, "Ada");
  assert.match(note() ?? "", /^Another question is open now/);
  enter();
  assert.equal(events.length, 0);
  assert.match(note() ?? "", /^This was written for the question before/);
  enter();
  assert.deepEqual(events[0]?.payload, { question: q(2), text: "Ada" });
});

test("a question that somebody else has answered takes no answer any more", () => {
  reportAnswered(q(2));
  assert.equal(send().disabled, false);
  reportAnswered(q(1));
  assert.equal(field().readOnly, true);
  assert.equal(note(), "This question has been answered.");
  write("Ada");
  enter();
  assert.deepEqual(events, []);
});

test("a password is hidden, never stored and never handed on", async () => {
  await rendered({ question: q(2), password: true });
  write("s3cret");
  assert.equal(/** @type {HTMLInputElement} */ (field()).type, "password");
  assert.deepEqual(drafts(), {});
  await rendered({ question: q(3), password: false });
  assert.equal(field().value, "");
});

test("properties that are set again leave alone what is being written", async () => {
  write("half a sen");
  await rendered({ ...PROPERTIES, question: q(1), acknowledged: 7 });
  assert.equal(field().value, "half a sen");
});
