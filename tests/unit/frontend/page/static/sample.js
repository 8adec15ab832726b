// @ts-check
// Rows as the server sends them, and what else several tests need.

/** @import { Row, RowHead, TextRow } from "../../../../../frontend/fastagency_frontend/page/static/wire.d.ts" */

/** @type {RowHead} */
export const HEAD = { id: "m1", seq: 1, at: "2026-01-02T03:04:05+00:00", sender: "ada", recipient: "bob" };

/** One row of each type. @type {{ [Type in Row["type"]]: Extract<Row, { type: Type }> }} */
export const ROWS = {
  text_message: { ...HEAD, type: "text_message", body: "*hi*", html: "<p><em>hi</em></p>" },
  workflow_started: { ...HEAD, type: "workflow_started", name: "lesson", description: "A lesson.", params: "" },
  workflow_completed: { ...HEAD, type: "workflow_completed", body: "done", html: "<p>done</p>" },
  workflow_failed: { ...HEAD, type: "workflow_failed", short: "It broke.", long: null },
  workflow_resumed: { ...HEAD, type: "workflow_resumed" },
  workflow_cancelled: { ...HEAD, type: "workflow_cancelled", short: null },
  error: { ...HEAD, type: "error", short: "Oops.", long: "a long story" },
  suggested_function_call: {
    ...HEAD,
    type: "suggested_function_call",
    name: "weather",
    call: "c1",
    arguments: '{"city": "Zagreb"}',
  },
  function_call_execution: {
    ...HEAD,
    type: "function_call_execution",
    name: "weather",
    call: "c1",
    result: "23.5",
    failed: false,
  },
  text_input: { ...HEAD, type: "text_input", body: "Name?", html: "<p>Name?</p>", password: false },
  multiple_choice: { ...HEAD, type: "multiple_choice", body: "Size?", html: "<p>Size?</p>", choices: ["S", "L"] },
  input_answered: { ...HEAD, type: "input_answered", question: "m1", values: ["Ada"] },
  question_expired: { ...HEAD, type: "question_expired", question: "m1", text: "Nobody answered in time." },
  system_message: { ...HEAD, type: "system_message", heading: "Stop", body: "b", html: "<p>b</p>" },
  thought: { ...HEAD, type: "thought", body: "first line\nsecond", html: "<p>first line second</p>" },
  usage: { ...HEAD, type: "usage", model: "m-1", prompt: 12, completion: 3 },
};

/**
 * @param {number} seq
 * @param {Partial<TextRow>} [fields]
 * @returns {TextRow}
 */
export function text(seq, fields = {}) {
  return { ...ROWS.text_message, id: `m${seq}`, seq, ...fields };
}

/**
 * What an element has told Mesop, oldest first.
 *
 * @param {Element} host
 */
export function heard(host) {
  /** @type {{ handlerId: string, payload: any }[]} */
  const events = [];
  host.addEventListener("mesop", (event) => {
    const { handlerId, payload } = /** @type {any} */ (event);
    events.push({ handlerId, payload });
  });
  return events;
}

/**
 * The one element in a component, or below an element, that a selector finds.
 *
 * @param {Element} host
 * @param {string} selector
 * @returns {HTMLElement}
 */
export function find(host, selector) {
  const found = (host.shadowRoot ?? host).querySelector(selector);
  if (!found) throw new Error(`There is no ${selector}`);
  return /** @type {HTMLElement} */ (found);
}

/** Let everything happen that waits for no timer and no request. */
export function settled() {
  return new Promise((resolve) => setImmediate(resolve));
}

/**
 * A response in lines that the test writes one by one.
 *
 * @param {AbortSignal} [signal]
 */
export function streamed(signal) {
  /** @type {ReadableStreamDefaultController<Uint8Array>} */
  let controller;
  /** @type {ReadableStream<Uint8Array>} */
  const body = new ReadableStream({
    start: (given) => {
      controller = given;
    },
  });
  signal?.addEventListener("abort", () => controller.error(signal.reason));
  return {
    response: new Response(body),
    /** @param {Uint8Array} part */
    bytes: (part) => controller.enqueue(part),
    /** @param {string} part */
    write: (part) => controller.enqueue(new TextEncoder().encode(part)),
    /** @param {object} line */
    line: (line) => controller.enqueue(new TextEncoder().encode(`${JSON.stringify(line)}\n`)),
    end: () => controller.close(),
  };
}
