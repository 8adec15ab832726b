// <fa-transcript>: the messages of one conversation. It appends by itself, so that a message costs the same whether ten
// or ten thousand came before; Mesop is only told when what it shows (status, title, questions) is out of date.

import { reportAnswered } from "./answered.js";
import { element, icon, shadow, tell } from "./dom.js";
import { acceptDraft } from "./drafts.js";
import { Feed } from "./feed.js";
import { Board, growing, widget } from "./widgets.js";

const NEAR_BOTTOM_PX = 80;
const MAX_ROWS = 300;
const PRUNED_ROWS = 100;

class Transcript extends HTMLElement {
  constructor() {
    super();
    this.more = element("button", "more", "Show earlier messages");
    this.more.type = "button";
    this.more.addEventListener("click", () => this.earlier());
    this.list = element("div", "list");
    this.list.setAttribute("role", "log");
    this.list.setAttribute("aria-live", "polite");
    this.list.setAttribute("aria-label", "Conversation");
    this.working = element("div", "working", element("i"), element("i"), element("i"));
    this.working.setAttribute("role", "status");
    this.working.setAttribute("aria-label", "The agents are working");
    this.scroller = element("div", "scroller", this.more, this.list, this.working);
    this.scroller.tabIndex = 0;
    this.jump = element("button", "jump", icon("down"));
    this.jump.type = "button";
    this.jump.setAttribute("aria-label", "Go to the newest message");
    this.jump.addEventListener("click", () => this.toBottom("smooth"));
    shadow(this, "transcript", this.scroller, this.jump);
    this.addEventListener("styled", () => this.toBottom());
    this.scroller.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.clear();
    this.onVisibility = () => (document.hidden ? this.feed?.release() : this.feed?.wake());
    this.onOnline = () => this.feed?.wake();
    this.resized = new ResizeObserver(() => this.pinned && this.toBottom());
  }

  // Mesop sets every property again at each render.
  set conversation(value) {
    if (value === this._conversation) return;
    this._conversation = value;
    if (this.isConnected) this.restart();
  }

  set revision(value) {
    this._revision = value;
  }

  /** The question whose answer the server took last: its draft is not needed any more. */
  set accepted(value) {
    if (value) acceptDraft(value);
  }

  /** The person did something: look at once what came of it. */
  set acknowledged(value) {
    if (value === this._acknowledged) return;
    this._acknowledged = value;
    this.feed?.wake();
  }

  connectedCallback() {
    document.addEventListener("visibilitychange", this.onVisibility);
    window.addEventListener("online", this.onOnline);
    this.resized.observe(this.scroller);
    this.resized.observe(this.list);
    this.restart();
  }

  disconnectedCallback() {
    document.removeEventListener("visibilitychange", this.onVisibility);
    window.removeEventListener("online", this.onOnline);
    this.resized.disconnect();
    this.feed?.stop();
    this.feed = null;
  }

  restart() {
    this.feed?.stop();
    this.feed = null;
    this.clear();
    if (!this._conversation) return;
    this.feed = new Feed(this._conversation, this);
    this.feed.run();
  }

  clear() {
    this.board = new Board();
    this.streams = new Map();
    this.newest = 0;
    this.list.replaceChildren();
    this.more.hidden = true;
    this.working.hidden = true;
    this.jump.hidden = true;
    this.pinned = true;
    this.reported = null;
  }

  // What the feed calls.

  page(page) {
    this.append(page.rows);
    this.more.hidden = !page.more;
    this.run(page.run);
    this.toBottom();
  }

  news(rows) {
    rows.forEach((row) => this.endStreams(row));
    this.append(rows);
  }

  stream({ id, sender, html }) {
    const known = this.streams.get(id);
    const { made, content } = growing({ sender, html });
    if (known?.open) {
      known.content.replaceWith(content);
      known.content = content;
    } else if (known) {
      // The connection was renewed in the middle of the message: what follows goes below what is there.
      known.content.after(content);
      Object.assign(known, { content, open: true });
    } else {
      this.streams.set(id, { made, content, sender, open: true });
      this.list.append(made);
    }
    this.follow();
  }

  run({ phase, revision }) {
    this.working.hidden = phase !== "working";
    if (!["working", "waiting"].includes(phase)) this.board.close();
    if (revision !== this._revision && revision !== this.reported) {
      this.reported = revision;
      tell(this, this.changed, { revision });
    } else if (revision === this._revision) {
      this.reported = null;
    }
    this.follow();
  }

  gone(sentence) {
    this.clear();
    this.list.append(element("p", "gone", sentence));
  }

  /** A response has ended: text of a message under way that comes with the next one does not start at its beginning. */
  pause() {
    this.streams.forEach((stream) => (stream.open = false));
  }

  // Rows.

  append(rows) {
    rows.forEach((row) => {
      if (row.seq <= this.newest) return;
      this.newest = row.seq;
      const made = widget(row, this.board);
      if (made) this.list.append(made);
      if (row.type === "input_answered") reportAnswered(row.question);
    });
    this.follow();
  }

  /** A finished message takes the place of what its sender was writing. */
  endStreams(row) {
    this.streams.forEach((stream, id) => {
      if (row.sender !== stream.sender && !row.type.startsWith("workflow_")) return;
      stream.made.remove();
      this.streams.delete(id);
    });
  }

  async earlier() {
    this.more.disabled = true;
    try {
      const page = await this.feed.earlier();
      const before = this.scroller.scrollHeight;
      const fragment = document.createDocumentFragment();
      page.rows.forEach((row) => {
        const made = widget(row, this.board);
        if (made) fragment.append(made);
      });
      this.pinned = false;
      this.list.prepend(fragment);
      this.more.hidden = !page.more;
      this.scroller.scrollTop += this.scroller.scrollHeight - before;
    } catch {
      this.more.textContent = "The earlier messages could not be read. Try again";
    } finally {
      this.more.disabled = false;
    }
  }

  // Scrolling.

  follow() {
    if (!this.pinned) return;
    this.prune();
    this.toBottom();
  }

  /** A long conversation keeps its newest rows; the others come back with "Show earlier messages". */
  prune() {
    if (this.list.childElementCount <= MAX_ROWS || !this.feed) return;
    for (let count = 0; count < PRUNED_ROWS; count += 1) this.list.firstElementChild.remove();
    const first = [...this.list.children].find((row) => row.dataset.seq);
    if (first) this.feed.first = Number(first.dataset.seq);
    this.more.hidden = false;
  }

  toBottom(behavior = "instant") {
    this.scroller.scrollTo({ top: this.scroller.scrollHeight, behavior });
  }

  scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    const near = scrollHeight - scrollTop - clientHeight < NEAR_BOTTOM_PX;
    // Only a move upwards is the reader's own: content that grows moves the bottom away as well.
    if (near) this.pinned = true;
    else if (scrollTop < this.lastTop) this.pinned = false;
    this.lastTop = scrollTop;
    this.jump.hidden = this.pinned;
  }
}

customElements.define("fa-transcript", Transcript);
