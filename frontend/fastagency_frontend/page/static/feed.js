// @ts-check
// Reads one conversation: its newest page, then what happens, for as long as something can. Knows nothing of how it is
// shown: `view` gets rows, streams and the run's phase.
//
// The server holds a response for a while and then says when to come back; see live.py. A response that falls silent
// is given up, so that a network that swallows packets is noticed.

import { connection, isSignedOut, report } from "./connection.js";
import { backoff, ROUTES } from "./dom.js";

/** @import { History, HistoryPage, Line, Row, RunLine, StreamLine } from "./wire.d.ts" */

/**
 * What is told about a conversation.
 *
 * @typedef {object} View
 * @property {(page: HistoryPage) => void} page its newest page: all that is to be shown; seldom more than once
 * @property {(rows: Row[]) => void} news rows that are new
 * @property {(stream: StreamLine) => void} stream the text so far of a message under way
 * @property {(run: RunLine) => void} run where the run is
 * @property {(sentence: string) => void} gone it cannot be read
 */

const SILENCE_MS = 14000;
const HIDDEN_PAUSE_MS = 10000;

export class Feed {
  /** The cursor before the first row that is shown. */
  first = 0;
  /** The cursor after the last row that is known; null before the newest page has been read. @type {number | null} */
  #last = null;
  /** The epoch of both cursors. */
  #epoch = 0;
  #failures = 0;
  #stopped = false;
  #released = false;
  #woken = false;
  #wakeUp = () => {};
  #abort = new AbortController();
  #address;
  #view;

  /**
   * @param {string} runId
   * @param {View} view
   */
  constructor(runId, view) {
    this.#address = `${ROUTES}/runs/${encodeURIComponent(runId)}`;
    this.#view = view;
  }

  /** Read until the run has ended, the conversation is gone, or `stop()`. */
  async run() {
    while (!this.#stopped) {
      this.#woken = false;
      const pause = await this.#round();
      if (pause === null) return;
      await this.#sleep(document.hidden ? Math.max(pause, HIDDEN_PAUSE_MS) : pause);
    }
  }

  stop() {
    this.#stopped = true;
    this.#abort.abort();
    this.wake();
  }

  /** Look now instead of after the pause; what is being read now may be older than the reason to look. */
  wake() {
    this.#woken = true;
    this.#wakeUp();
  }

  /** The tab is not seen any more: hold no connection for it. */
  release() {
    this.#released = true;
    this.#abort.abort();
  }

  /** Read the page before the first row that is shown; null if all that is shown was read again. */
  async earlier() {
    const page = await this.#history(`?before=${this.first}${this.#ofEpoch()}`);
    if ("anew" in page) {
      await this.#newest();
      return null;
    }
    if ("trouble" in page) throw new Error(page.trouble);
    if ("gone" in page) throw new Error(page.gone);
    this.first = page.first;
    return page;
  }

  /** @returns {Promise<number | null>} how long to wait before the next, in milliseconds; null: there is no next */
  async #round() {
    try {
      const last = this.#last ?? (await this.#newest());
      if (last === null) return null;
      const pause = await this.#live(last);
      this.#failures = 0;
      return pause;
    } catch (error) {
      if (this.#stopped || error instanceof SignedOut) return null;
      if (this.#released) {
        this.#released = false;
        return HIDDEN_PAUSE_MS;
      }
      if (error instanceof Trouble) report("backend", error.message);
      else report("page");
      const pause = backoff(this.#failures);
      this.#failures += 1;
      return pause;
    }
  }

  /** @returns {Promise<number | null>} the cursor after it; null: nothing will follow */
  async #newest() {
    const page = await this.#history("");
    if (this.#stopped) return null;
    if ("trouble" in page) throw new Trouble(page.trouble);
    if ("gone" in page) {
      this.#view.gone(page.gone);
      return null;
    }
    if ("anew" in page) throw new Error("The newest page has no cursor");
    this.#epoch = page.epoch ?? 0;
    this.first = page.first;
    this.#last = page.last;
    this.#view.page(page);
    return page.run.phase === "working" || page.run.phase === "waiting" ? page.last : null;
  }

  /**
   * @param {string} query
   * @returns {Promise<History>}
   */
  async #history(query) {
    const response = await fetch(`${this.#address}/history${query}`, { signal: AbortSignal.timeout(SILENCE_MS * 2) });
    if (isSignedOut(response)) throw new SignedOut();
    if (!response.ok) throw new Error(`The server answered ${response.status}`);
    return response.json();
  }

  /**
   * Read one held response.
   *
   * @param {number} after
   */
  async #live(after) {
    const abort = new AbortController();
    this.#abort = abort;
    this.#released = false;
    const address = `${this.#address}/live?after=${after}&hold=${document.hidden ? 0 : 1}${this.#ofEpoch()}`;
    let silence = setTimeout(() => abort.abort(), SILENCE_MS);
    try {
      const response = await fetch(address, { signal: abort.signal });
      if (isSignedOut(response)) throw new SignedOut();
      if (!response.ok || !response.body) throw new Error(`The server answered ${response.status}`);
      /** @type {number | null} */
      let next = 0;
      for await (const text of lines(response.body)) {
        clearTimeout(silence);
        silence = setTimeout(() => abort.abort(), SILENCE_MS);
        if (this.#stopped) return null;
        /** @type {Line} */
        const line = JSON.parse(text);
        if ("next" in line) next = line.next;
        else this.#take(line);
        if (connection.state === "page" && !connection.channelDead) report("ok");
      }
      return next;
    } finally {
      clearTimeout(silence);
    }
  }

  /** @param {Exclude<Line, { next: unknown }>} line */
  #take(line) {
    if ("trouble" in line) throw new Trouble(line.trouble);
    if ("signed_out" in line) report("out");
    if ("gone" in line) this.#view.gone(line.gone);
    if ("anew" in line) this.#last = null;
    if ("rows" in line) {
      this.#last = line.last;
      this.#view.news(line.rows);
    }
    if ("stream" in line) this.#view.stream(line.stream);
    if ("run" in line) this.#view.run(line.run);
  }

  #ofEpoch() {
    return this.#epoch ? `&epoch=${this.#epoch}` : "";
  }

  /** @param {number} milliseconds */
  #sleep(milliseconds) {
    if (this.#woken) return Promise.resolve();
    return new Promise((/** @type {(value?: undefined) => void} */ resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** The backend is away, and the page's server says so in a sentence. */
class Trouble extends Error {}

/** Nothing more can be read, until the page is loaded again. */
class SignedOut extends Error {}

/** @param {ReadableStream<Uint8Array>} body */
async function* lines(body) {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    const parts = (rest + decoder.decode(value, { stream: true })).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
  if (rest) yield rest;
}
