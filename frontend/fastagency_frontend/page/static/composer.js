// <fa-composer>: where the answer to a text question is written. Enter sends, Shift+Enter starts a line, and Enter that
// ends a word of an input method does neither. The draft is kept in the browser until the answer has been accepted; a
// password never is.
//
// A question may be answered by somebody else while an answer to it is being written. What was written is never given to
// another question by itself: it stays, with a sentence, until the person has said that it answers the new one.

import { watchAnswered } from "./answered.js";
import { element, icon, iconButton, shadow, tell } from "./dom.js";
import { acceptDraft, leaveText, readDraft, takeText, writeDraft } from "./drafts.js";

const MAX_HEIGHT_PX = 180;
const WIDE = window.matchMedia("(min-width: 801px)");
// An empty answer counts, but not one that the second half of a double click or a double Enter would send.
const DOUBLE_PRESS_MS = 250;

const NOT_SENT = "Another question is open now. What you wrote is still here; it has not been sent.";
const SURE = "This was written for the question before. Send it once more if it answers this one.";
const ANSWERED = "This question has been answered.";

const composers = new Set();
let sentAt = -Infinity;

class Composer extends HTMLElement {
  constructor() {
    super();
    this.given = {};
    this.box = element("div", "composer");
    this.send = iconButton("up", "Send", () => this.submit());
    this.send.classList.add("send");
    this.note = element("p", "refusal");
    this.note.setAttribute("role", "alert");
    shadow(this, "composer", this.box, this.note);
    this.addEventListener("styled", () => {
      this.styled = true;
      this.grow();
      this.takeFocus();
    });
    this.setField(false);
  }

  connectedCallback() {
    composers.add(this);
    this.unwatch = watchAnswered((question) => question === this.asked && this.close());
  }

  disconnectedCallback() {
    composers.delete(this);
    this.unwatch();
    clearTimeout(this.timer);
    this.leave();
  }

  set question(value) {
    this.give({ question: value });
  }

  set conversation(value) {
    this.give({ conversation: value });
  }

  set label(value) {
    this.give({ label: value });
  }

  set password(value) {
    this.give({ password: value });
  }

  set refusal(value) {
    this.give({ refusal: value });
  }

  /** The question whose answer the server took last: its draft is not needed any more. */
  set accepted(value) {
    this.give({ accepted: value });
  }

  set acknowledged(value) {
    this.give({ acknowledged: value });
  }

  /**
   * Mesop sets every property again at each render, one after the other: look at them when all are there. A microtask
   * makes it render again, so that there must be none where nothing has changed.
   */
  give(property) {
    const [[name, value]] = Object.entries(property);
    if (this.given[name] === value) return;
    this.given[name] = value;
    if (this.pending) return;
    this.pending = true;
    queueMicrotask(() => {
      this.pending = false;
      this.apply();
    });
  }

  apply() {
    const { accepted, acknowledged, label, question, refusal } = this.given;
    if (accepted) acceptDraft(accepted);
    if (question !== this.asked) this.begin();
    else if (this.busy && refusal && acknowledged !== this.acknowledged) this.busy = false;
    this.acknowledged = acknowledged;
    this.field.setAttribute("aria-label", `Your answer to: ${label || "the question"}`);
    if (!this.borrowed && !this.closed) this.say(refusal);
    this.update();
  }

  /** Mesop uses the same element for the next question. */
  begin() {
    const { conversation, password, question } = this.given;
    this.leave();
    this.talk = conversation;
    this.asked = question;
    this.busy = this.closed = this.borrowed = this.touched = false;
    if (Boolean(password) !== (this.field.type === "password")) this.setField(password);
    this.field.readOnly = false;
    this.field.value = password ? "" : readDraft(question);
    if (!password && !this.field.value) this.borrow();
    queueMicrotask(() => this.takeFocus());
  }

  /** Drafts are shared by all tabs: only what was written here is left over here, or each tab would hand it on. */
  leave() {
    if (this.touched && this.field.type !== "password") leaveText(this.talk, this.asked, this.field.value);
  }

  /** Show what was written for a question that is gone: it must not be lost, and must not answer this one by accident. */
  borrow() {
    const isAsked = (question) => [...composers].some((composer) => composer.asked === question);
    const text = takeText(this.talk, isAsked);
    if (!text) return;
    this.field.value = text;
    this.remember();
    this.borrowed = true;
    this.say(NOT_SENT);
  }

  /** The log says that the question has been answered: somebody was quicker. */
  close() {
    if (this.busy) return;
    this.closed = true;
    this.field.readOnly = true;
    this.say(ANSWERED);
    this.update();
  }

  say(sentence) {
    this.note.textContent = sentence || "";
    this.note.hidden = !sentence;
  }

  setField(password) {
    const field = element(password ? "input" : "textarea", "field");
    if (password) {
      field.type = "password";
      field.autocomplete = "off";
      field.placeholder = "Your answer (it will not be shown)";
    } else {
      field.rows = 1;
      field.placeholder = "Your answer";
    }
    field.addEventListener("input", () => {
      this.remember();
      this.update();
    });
    field.addEventListener("keydown", (event) => this.pressed(event));
    this.field = field;
    this.box.replaceChildren(...(password ? [icon("lock")] : []), field, this.send);
    this.update();
  }

  /** A new question may be answered at once; but no focus is taken from where the person is, nor a phone's keyboard opened. */
  takeFocus() {
    const elsewhere = document.activeElement && document.activeElement !== document.body && document.activeElement !== this;
    if (this.styled && WIDE.matches && !elsewhere) this.field.focus();
  }

  pressed(event) {
    const composing = event.isComposing || event.keyCode === 229;
    if (event.key !== "Enter" || event.shiftKey || composing) return;
    event.preventDefault();
    if (!event.repeat) this.submit();
  }

  submit() {
    if (!this.ready()) return;
    if (this.borrowed && this.field.value) {
      this.borrowed = false;
      this.say(SURE);
      return;
    }
    this.busy = true;
    sentAt = performance.now();
    this.update();
    tell(this, this.answered, { question: this.asked, text: this.field.value });
  }

  ready() {
    return !this.busy && !this.closed && (Boolean(this.field.value) || this.doublePressLeftMs() <= 0);
  }

  doublePressLeftMs() {
    return sentAt + DOUBLE_PRESS_MS - performance.now();
  }

  update() {
    this.send.disabled = !this.ready();
    this.box.classList.toggle("busy", Boolean(this.busy));
    clearTimeout(this.timer);
    if (!this.field.value && this.doublePressLeftMs() > 0) this.timer = setTimeout(() => this.update(), this.doublePressLeftMs());
    this.grow();
  }

  grow() {
    if (this.field.tagName !== "TEXTAREA") return;
    this.field.style.height = "auto";
    this.field.style.height = `${Math.min(MAX_HEIGHT_PX, this.field.scrollHeight)}px`;
  }

  remember() {
    this.touched = true;
    if (!this.given.password && this.asked) writeDraft(this.asked, this.field.value);
  }
}

customElements.define("fa-composer", Composer);
