// @ts-check
// <fa-transcript>: the messages of one conversation. It appends by itself, so that a message costs the same whether ten
// or ten thousand came before; Mesop is only told when what it shows (status, title, questions) is out of date.

import { reportAnswered } from "./answered.js";
import { button, element, icon, shadow, tell } from "./dom.js";
import { acceptDraft } from "./drafts.js";
import { Feed } from "./feed.js";
import { growing } from "./part.js";
import { Board, widget } from "./widgets.js";

/** @import { HistoryPage, Row, RunLine, StreamLine, TranscriptEvents } from "./wire.d.ts" */
/** @import { Handler } from "./dom.js" */

/** @typedef {{ made: HTMLElement, content: HTMLElement, sender: string | null }} Stream */

const NEAR_BOTTOM_PX = 80;
const MAX_ROWS = 300;
const PRUNED_ROWS = 100;
const EARLIER = "Show earlier messages";
const EARLIER_FAILED = "The earlier messages could not be read. Try again";

class Transcript extends HTMLElement {
  /** @type {Handler<TranscriptEvents["changed"]> | undefined} */
  changed;
  /** The rows that are shown, newest last. */
  list = element("div", "list");

  #more = button("more", () => this.#earlier(), EARLIER);
  #working = element("div", "working", element("i"), element("i"), element("i"));
  #scroller = element("div", "scroller", this.#more, this.list, this.#working);
  #jump = button("jump", () => this.#jumpDown(), icon("down"));
  #resized = new ResizeObserver(() => this.#pinned && this.#toBottom());

  #conversation = "";
  #revision = "";
  #acknowledged = 0;
  /** @type {Feed | null} */
  #feed = null;
  #board = new Board();
  /** @type {Map<string, Stream>} */
  #streams = new Map();
  #newest = 0;
  /** The revision that Mesop was told of last, and has not shown yet. @type {string | null} */
  #reported = null;
  /** Whether what is new scrolls into view. */
  #pinned = true;
  #lastTop = 0;

  constructor() {
    super();
    this.list.setAttribute("role", "log");
    this.list.setAttribute("aria-live", "polite");
    this.list.setAttribute("aria-label", "Conversation");
    this.#working.setAttribute("role", "status");
    this.#working.setAttribute("aria-label", "The agents are working");
    this.#scroller.tabIndex = 0;
    this.#scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.#jump.setAttribute("aria-label", "Go to the newest message");
    shadow(this, "transcript", this.#scroller, this.#jump);
    this.addEventListener("styled", () => this.#toBottom());
    this.#clear();
  }

  // Mesop sets every property again at each render.
  set conversation(/** @type {string} */ value) {
    if (value === this.#conversation) return;
    this.#conversation = value;
    if (this.isConnected) this.#restart();
  }

  set revision(/** @type {string} */ value) {
    this.#revision = value;
  }

  /** The question whose answer the server took last: its draft is not needed any more. */
  set accepted(/** @type {string} */ value) {
    if (value) acceptDraft(value);
  }

  /** The person did something: look at once what came of it. */
  set acknowledged(/** @type {number} */ value) {
    if (value === this.#acknowledged) return;
    this.#acknowledged = value;
    this.#feed?.wake();
  }

  connectedCallback() {
    document.addEventListener("visibilitychange", this.#onVisibility);
    window.addEventListener("online", this.#onOnline);
    this.#resized.observe(this.#scroller);
    this.#resized.observe(this.list);
    this.#restart();
  }

  disconnectedCallback() {
    document.removeEventListener("visibilitychange", this.#onVisibility);
    window.removeEventListener("online", this.#onOnline);
    this.#resized.disconnect();
    this.#feed?.stop();
    this.#feed = null;
  }

  #onVisibility = () => (document.hidden ? this.#feed?.release() : this.#feed?.wake());
  #onOnline = () => this.#feed?.wake();

  #restart() {
    this.#feed?.stop();
    this.#feed = null;
    this.#clear();
    if (!this.#conversation) return;
    this.#feed = new Feed(this.#conversation, this);
    this.#feed.run();
  }

  #clear() {
    this.#board = new Board();
    this.#streams = new Map();
    this.#newest = 0;
    this.list.replaceChildren();
    this.#more.hidden = true;
    this.#more.textContent = EARLIER;
    this.#working.hidden = true;
    this.#jump.hidden = true;
    this.#pinned = true;
    this.#reported = null;
  }

  // What the feed calls.

  /** @param {HistoryPage} page */
  page(page) {
    this.#clear();
    this.#append(page.rows);
    this.#more.hidden = !page.more;
    this.run(page.run);
    this.#toBottom();
  }

  /** @param {Row[]} rows */
  news(rows) {
    if (!this.#streams.size) {
      this.#append(rows);
      return;
    }
    for (const row of rows) {
      const height = this.#endStreams(row);
      // What is not in view yet has no height of its own: without this one the reader's place would move.
      for (const made of this.#append([row])) if (height) made.style.containIntrinsicSize = `auto ${height}px`;
    }
  }

  /** @param {StreamLine} stream */
  stream({ id, sender, html }) {
    const known = this.#streams.get(id);
    const { made, content } = growing({ sender, html });
    if (known) {
      known.content.replaceWith(content);
      known.content = content;
    } else {
      this.#streams.set(id, { made, content, sender });
      this.list.append(made);
    }
    this.#follow();
  }

  /** @param {RunLine} run */
  run({ phase, revision }) {
    this.#working.hidden = phase !== "working";
    if (phase !== "working" && phase !== "waiting") this.#board.close();
    if (revision === this.#revision) {
      this.#reported = null;
    } else if (revision !== this.#reported) {
      this.#reported = revision;
      tell(this, this.changed, { revision });
    }
    this.#follow();
  }

  /** @param {string} sentence */
  gone(sentence) {
    this.#clear();
    this.list.append(element("p", "gone", sentence));
  }

  // Rows.

  /** @param {Row[]} rows */
  #append(rows) {
    const fresh = rows.filter((row) => row.seq !== null && row.seq > this.#newest);
    this.#newest = fresh.at(-1)?.seq ?? this.#newest;
    const made = this.#widgets(fresh);
    this.list.append(...made);
    for (const row of fresh) {
      if (row.type === "input_answered") reportAnswered(row.question);
      if (row.type === "question_expired") reportAnswered(row.question, row.text);
    }
    this.#follow();
    return made;
  }

  /** @param {Row[]} rows */
  #widgets(rows) {
    return rows.map((row) => widget(row, this.#board)).filter((made) => made !== null);
  }

  /**
   * A finished message takes the place of what its sender was writing; returns how high that was.
   *
   * @param {Row} row
   */
  #endStreams(row) {
    let height = 0;
    for (const [id, stream] of this.#streams) {
      if (row.sender !== stream.sender && !row.type.startsWith("workflow_")) continue;
      height += stream.made.offsetHeight;
      stream.made.remove();
      this.#streams.delete(id);
    }
    return height;
  }

  async #earlier() {
    const feed = this.#feed;
    if (!feed) return;
    this.#more.disabled = true;
    try {
      const page = await feed.earlier();
      if (feed !== this.#feed) return; // Another conversation is shown by now.
      if (page) this.#prepend(page);
      this.#more.textContent = EARLIER;
    } catch {
      if (feed === this.#feed) this.#more.textContent = EARLIER_FAILED;
    } finally {
      this.#more.disabled = false;
    }
  }

  /** @param {HistoryPage} page */
  #prepend(page) {
    const before = this.#scroller.scrollHeight;
    this.#pinned = false;
    this.list.prepend(...this.#widgets(page.rows));
    this.#more.hidden = !page.more;
    this.#scroller.scrollTop += this.#scroller.scrollHeight - before;
  }

  // Scrolling.

  #follow() {
    if (!this.#pinned) return;
    this.#prune();
    this.#toBottom();
  }

  /** A long conversation keeps its newest rows; the others come back with "Show earlier messages". */
  #prune() {
    if (this.list.childElementCount <= MAX_ROWS || !this.#feed) return;
    const rows = /** @type {HTMLElement[]} */ ([...this.list.children]);
    for (const row of rows.splice(0, PRUNED_ROWS)) row.remove();
    const first = rows.find((row) => row.dataset.seq)?.dataset.seq;
    if (first) this.#feed.first = Number(first);
    this.#more.hidden = false;
  }

  /** @param {ScrollBehavior} [behavior] */
  #toBottom(behavior = "instant") {
    this.#scroller.scrollTo({ top: this.#scroller.scrollHeight, behavior });
  }

  #jumpDown() {
    this.#pinned = true;
    this.#jump.hidden = true;
    this.#toBottom("smooth");
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    const near = scrollHeight - scrollTop - clientHeight < NEAR_BOTTOM_PX;
    // Only a move is the reader's own, but not every one: content that shrinks moves the place upwards.
    if (scrollTop > this.#lastTop && near) this.#pinned = true;
    if (scrollTop < this.#lastTop && !near) this.#pinned = false;
    this.#lastTop = scrollTop;
    this.#jump.hidden = this.#pinned;
  }
}

customElements.define("fa-transcript", Transcript);
