// @ts-check
// <fa-composer>: where the answer to a text question is written. Enter sends, Shift+Enter starts a line, and Enter that
// ends a word of an input method does neither. The draft is kept in the browser until the answer has been accepted; a
// password never is.
//
// A question may be answered by somebody else while an answer to it is being written. What was written is never given to
// another question by itself: it stays, with a sentence, until the person has said that it answers the new one.

import { watchAnswered } from "./answered.js";
import { element, icon, iconButton, shadow, tell } from "./dom.js";
import { acceptDraft, leaveText, readDraft, takeText, writeDraft } from "./drafts.js";

/** @import { ComposerEvents, ComposerProperties } from "./wire.d.ts" */
/** @import { Handler } from "./dom.js" */

/** @typedef {HTMLInputElement | HTMLTextAreaElement} Field */

const MAX_HEIGHT_PX = 180;
const WIDE = window.matchMedia("(min-width: 801px)");
/** What the key code is while an input method composes a word; old browsers tell it by nothing else. */
const COMPOSING_KEY_CODE = 229;
/** An empty answer counts, but not one that the second half of a double click or a double Enter would send. */
const DOUBLE_PRESS_MS = 250;

const NOT_SENT = "Another question is open now. What you wrote is still here; it has not been sent.";
const SURE = "This was written for the question before. Send it once more if it answers this one.";

/** @type {Set<Composer>} */
const composers = new Set();
let sentAt = Number.NEGATIVE_INFINITY;

class Composer extends HTMLElement {
  /** @type {Handler<ComposerEvents["answered"]> | undefined} */
  answered;

  #box = element("div", "composer");
  #send = iconButton("up", "Send", () => this.#submit());
  #note = element("p", "refusal");
  /** @type {Field} */
  #field = textField();

  /** What Mesop has set. @type {Partial<ComposerProperties>} */
  #given = {};
  /** What was set will be looked at. */
  #pending = false;
  /** The conversation and the question that the field is for. */
  #conversation = "";
  #question = "";
  #acknowledged = 0;
  /** An answer is under way. */
  #busy = false;
  /** Somebody else was quicker. */
  #closed = false;
  /** The text was written for another question. */
  #borrowed = false;
  /** The text was written here, not in another tab. */
  #touched = false;
  #styled = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #unwatch = () => {};

  constructor() {
    super();
    this.#send.classList.add("send");
    this.#note.setAttribute("role", "alert");
    shadow(this, "composer", this.#box, this.#note);
    this.addEventListener("styled", () => {
      this.#styled = true;
      this.#grow();
      this.#takeFocus();
    });
    this.#setField(this.#field);
  }

  connectedCallback() {
    composers.add(this);
    this.#unwatch = watchAnswered((question, why) => question === this.#question && this.#close(why));
  }

  disconnectedCallback() {
    composers.delete(this);
    this.#unwatch();
    clearTimeout(this.#timer);
    this.#leave();
  }

  set question(/** @type {string} */ value) {
    this.#give("question", value);
  }

  set conversation(/** @type {string} */ value) {
    this.#give("conversation", value);
  }

  set label(/** @type {string} */ value) {
    this.#give("label", value);
  }

  set password(/** @type {boolean} */ value) {
    this.#give("password", value);
  }

  set refusal(/** @type {string} */ value) {
    this.#give("refusal", value);
  }

  /** The question whose answer the server took last: its draft is not needed any more. */
  set accepted(/** @type {string} */ value) {
    this.#give("accepted", value);
  }

  set acknowledged(/** @type {number} */ value) {
    this.#give("acknowledged", value);
  }

  /**
   * Mesop sets every property again at each render, one after the other: look at them when all are there. A microtask
   * makes it render again, so that there must be none where nothing has changed.
   *
   * @template {keyof ComposerProperties} Name
   * @param {Name} name
   * @param {ComposerProperties[Name]} value
   */
  #give(name, value) {
    if (this.#given[name] === value) return;
    this.#given[name] = value;
    if (this.#pending) return;
    this.#pending = true;
    queueMicrotask(() => {
      this.#pending = false;
      this.#apply();
    });
  }

  #apply() {
    const { accepted, acknowledged = 0, label, question = "", refusal = "" } = this.#given;
    if (accepted) acceptDraft(accepted);
    if (question !== this.#question) this.#begin();
    else if (this.#busy && refusal && acknowledged !== this.#acknowledged) this.#busy = false;
    this.#acknowledged = acknowledged;
    this.#field.setAttribute("aria-label", `Your answer to: ${label || "the question"}`);
    if (!this.#borrowed && !this.#closed) this.#say(refusal);
    this.#update();
  }

  /** Mesop uses the same element for the next question. */
  #begin() {
    const { conversation = "", password = false, question = "" } = this.#given;
    this.#leave();
    this.#conversation = conversation;
    this.#question = question;
    this.#busy = false;
    this.#closed = false;
    this.#borrowed = false;
    this.#touched = false;
    if (password !== this.#hidden) this.#setField(password ? passwordField() : textField());
    this.#field.readOnly = false;
    this.#field.value = password ? "" : readDraft(question);
    if (!password && !this.#field.value) this.#borrow();
    queueMicrotask(() => this.#takeFocus());
  }

  /** Whether what is written is shown to nobody. */
  get #hidden() {
    return this.#field.type === "password";
  }

  /** Drafts are shared by all tabs: only what was written here is left over here, or each tab would hand it on. */
  #leave() {
    if (this.#touched && !this.#hidden) leaveText(this.#conversation, this.#question, this.#field.value);
  }

  /** Show what was written for a question that is gone: it must not be lost, and must not answer this one by accident. */
  #borrow() {
    const isAsked = (/** @type {string} */ question) => [...composers].some((each) => each.#question === question);
    const text = takeText(this.#conversation, isAsked);
    if (!text) return;
    this.#field.value = text;
    this.#remember();
    this.#borrowed = true;
    this.#say(NOT_SENT);
  }

  /**
   * The log says that the question is closed: somebody was quicker, or its time is over.
   *
   * @param {string} why
   */
  #close(why) {
    if (this.#busy) return;
    this.#closed = true;
    this.#field.readOnly = true;
    this.#say(why);
    this.#update();
  }

  /** @param {string} sentence */
  #say(sentence) {
    this.#note.textContent = sentence;
    this.#note.hidden = !sentence;
  }

  /** @param {Field} field */
  #setField(field) {
    this.#field = field;
    field.addEventListener("input", () => {
      this.#remember();
      this.#update();
    });
    field.addEventListener("keydown", (/** @type {Event} */ event) => {
      if (event instanceof KeyboardEvent) this.#pressed(event);
    });
    this.#box.replaceChildren(...(this.#hidden ? [icon("lock")] : []), field, this.#send);
    this.#update();
  }

  /** A new question may be answered at once; but no focus is taken from where the person is, nor a phone's keyboard opened. */
  #takeFocus() {
    const active = document.activeElement;
    const elsewhere = active && active !== document.body && active !== this;
    if (this.#styled && WIDE.matches && !elsewhere) this.#field.focus();
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    const composing = event.isComposing || event.keyCode === COMPOSING_KEY_CODE;
    if (event.key !== "Enter" || event.shiftKey || composing) return;
    event.preventDefault();
    if (!event.repeat) this.#submit();
  }

  #submit() {
    if (!this.#ready()) return;
    if (this.#borrowed && this.#field.value) {
      this.#borrowed = false;
      this.#say(SURE);
      return;
    }
    this.#busy = true;
    sentAt = performance.now();
    this.#update();
    tell(this, this.answered, { question: this.#question, text: this.#field.value });
  }

  #ready() {
    return !this.#busy && !this.#closed && (Boolean(this.#field.value) || doublePressLeftMs() <= 0);
  }

  #update() {
    this.#send.disabled = !this.#ready();
    this.#box.classList.toggle("busy", this.#busy);
    clearTimeout(this.#timer);
    const left = this.#field.value ? 0 : doublePressLeftMs();
    if (left > 0) this.#timer = setTimeout(() => this.#update(), left);
    this.#grow();
  }

  #grow() {
    if (!(this.#field instanceof HTMLTextAreaElement)) return;
    this.#field.style.height = "auto";
    this.#field.style.height = `${Math.min(MAX_HEIGHT_PX, this.#field.scrollHeight)}px`;
  }

  #remember() {
    this.#touched = true;
    if (!this.#given.password && this.#question) writeDraft(this.#question, this.#field.value);
  }
}

function doublePressLeftMs() {
  return sentAt + DOUBLE_PRESS_MS - performance.now();
}

function textField() {
  const field = element("textarea", "field");
  field.rows = 1;
  field.dir = "auto";
  field.placeholder = "Your answer";
  return field;
}

function passwordField() {
  const field = element("input", "field");
  field.type = "password";
  field.autocomplete = "off";
  field.placeholder = "Your answer (it will not be shown)";
  return field;
}

customElements.define("fa-composer", Composer);
