// Reads one conversation: its newest page, then what happens, for as long as something can. Knows nothing of how it is
// shown: `view` gets rows, streams and the run's phase.
//
// The server holds a response for a while and then says when to come back; see live.py. A response that falls silent
// is given up, so that a network that swallows packets is noticed.

import { connection, report } from "./connection.js";
import { backoff, ROUTES } from "./dom.js";

const SILENCE_MS = 14000;
const HIDDEN_PAUSE_MS = 10000;

export class Feed {
  constructor(runId, view) {
    this.address = `${ROUTES}/runs/${encodeURIComponent(runId)}`;
    this.view = view;
    this.last = null;
    this.first = null;
    this.failures = 0;
    this.stopped = false;
  }

  /** Read until the run has ended, the conversation is gone, or `stop()`. */
  async run() {
    while (!this.stopped) {
      const pause = await this.round();
      if (pause === null) return;
      await this.sleep(document.hidden ? Math.max(pause, HIDDEN_PAUSE_MS) : pause);
    }
  }

  stop() {
    this.stopped = true;
    this.abort?.abort();
    this.wake();
  }

  /** Look now instead of after the pause. */
  wake() {
    this.wakeUp?.();
  }

  /** The tab is not seen any more: hold no connection for it. */
  release() {
    this.released = true;
    this.abort?.abort();
  }

  /** Read the page before the first row that is shown. */
  async earlier() {
    const page = await this.history(`?before=${this.first}`);
    if (page.gone || page.trouble) throw new Error(page.gone || page.trouble);
    this.first = page.first;
    return page;
  }

  async round() {
    try {
      if (this.last === null && !(await this.newest())) return null;
      const pause = await this.live();
      this.failures = 0;
      return pause;
    } catch (error) {
      if (this.stopped) return null;
      if (this.released) {
        this.released = false;
        return HIDDEN_PAUSE_MS;
      }
      if (error instanceof Trouble) report("backend", error.message);
      else report("page");
      return backoff(this.failures++);
    }
  }

  async newest() {
    const page = await this.history("");
    if (this.stopped) return false;
    if (page.trouble) throw new Trouble(page.trouble);
    if (page.gone) {
      this.view.gone(page.gone);
      return false;
    }
    this.first = page.first;
    this.last = page.last;
    this.view.page(page);
    return true;
  }

  async history(query) {
    const response = await fetch(`${this.address}/history${query}`, { signal: AbortSignal.timeout(SILENCE_MS * 2) });
    if (!response.ok) throw new Error(`The server answered ${response.status}`);
    return response.json();
  }

  /** Read one held response; returns how long to wait before the next. */
  async live() {
    this.abort = new AbortController();
    this.released = false;
    const address = `${this.address}/live?after=${this.last}&hold=${document.hidden ? 0 : 1}`;
    let silence = setTimeout(() => this.abort.abort(), SILENCE_MS);
    try {
      const response = await fetch(address, { signal: this.abort.signal });
      if (!response.ok) throw new Error(`The server answered ${response.status}`);
      const state = { next: 0 };
      for await (const text of lines(response.body)) {
        clearTimeout(silence);
        silence = setTimeout(() => this.abort.abort(), SILENCE_MS);
        if (this.stopped) return null;
        this.take(JSON.parse(text), state);
      }
      return state.next;
    } finally {
      clearTimeout(silence);
      this.view.pause();
    }
  }

  take(line, state) {
    if (line.trouble) throw new Trouble(line.trouble);
    if (line.gone) this.view.gone(line.gone);
    if (line.rows) {
      this.last = line.last;
      this.view.news(line.rows);
    }
    if (line.stream) this.view.stream(line.stream);
    if (line.run) this.view.run(line.run);
    if (line.next !== undefined) state.next = line.next;
    if (connection.state === "page" && !connection.channelDead) report("ok");
  }

  sleep(milliseconds) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

class Trouble extends Error {}

async function* lines(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    yield* parts;
  }
  if (rest) yield rest;
}
