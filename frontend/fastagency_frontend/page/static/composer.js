// <fa-composer>: where the answer to a text question is written. Enter sends, Shift+Enter starts a line, and Enter that
// ends a word of an input method does neither. The draft is kept in the browser until the answer has been accepted; a
// password never is.

import { element, icon, iconButton, shadow, tell } from "./dom.js";

const MAX_HEIGHT_PX = 180;
const WIDE = window.matchMedia("(min-width: 801px)");

class Composer extends HTMLElement {
  constructor() {
    super();
    this.box = element("div", "composer");
    this.send = iconButton("up", "Send", () => this.submit());
    this.send.classList.add("send");
    this.refused = element("p", "refusal");
    this.refused.setAttribute("role", "alert");
    shadow(this, this.box, this.refused);
    this.addEventListener("styled", () => {
      this.styled = true;
      this.grow();
      this.takeFocus();
    });
    this.setField("textarea");
  }

  // Mesop sets every property again at each render, and uses the same element for the next question.
  set question(value) {
    if (value === this._question) return;
    if (this.sent) this.forget();
    this._question = value;
    this.sent = false;
    this.field.value = this.recall();
    this.update();
    queueMicrotask(() => this.takeFocus());
  }

  set label(value) {
    this._label = value;
    this.field.setAttribute("aria-label", `Your answer to: ${value}`);
  }

  set password(value) {
    if (value === this._password) return;
    this._password = value;
    this.setField(value ? "input" : "textarea");
  }

  set refusal(value) {
    this.refused.textContent = value;
    this.refused.hidden = !value;
  }

  /** The server has dealt with the answer. If the question is still there, it was refused: let it be sent again. */
  set acknowledged(value) {
    if (value === this._acknowledged) return;
    this._acknowledged = value;
    this.busy = false;
    this.update();
  }

  disconnectedCallback() {
    if (this.sent) this.forget();
  }

  setField(kind) {
    const field = element(kind, "field");
    if (kind === "input") {
      field.type = "password";
      field.autocomplete = "off";
      field.placeholder = "Your answer (it will not be shown)";
    } else {
      field.rows = 1;
      field.placeholder = "Your answer";
    }
    field.setAttribute("aria-label", `Your answer to: ${this._label || "the question"}`);
    field.addEventListener("input", () => {
      this.remember();
      this.update();
    });
    field.addEventListener("keydown", (event) => this.pressed(event));
    this.field = field;
    this.box.replaceChildren(...(kind === "input" ? [icon("lock")] : []), field, this.send);
    field.value = this.recall();
    this.update();
    queueMicrotask(() => this.takeFocus());
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
    this.submit();
  }

  submit() {
    if (this.busy || !this.field.value.trim()) return;
    this.busy = true;
    this.sent = true;
    this.update();
    tell(this, this.answered, { question: this._question, text: this.field.value });
  }

  update() {
    this.send.disabled = Boolean(this.busy) || !this.field.value.trim();
    this.box.classList.toggle("busy", Boolean(this.busy));
    this.grow();
  }

  grow() {
    if (this.field.tagName !== "TEXTAREA") return;
    this.field.style.height = "auto";
    this.field.style.height = `${Math.min(MAX_HEIGHT_PX, this.field.scrollHeight)}px`;
  }

  // Drafts.

  get draftKey() {
    return `fastagency-draft-${this._question}`;
  }

  remember() {
    if (this._password || !this._question) return;
    storage((store) => store.setItem(this.draftKey, this.field.value));
  }

  recall() {
    if (this._password || !this._question) return "";
    return storage((store) => store.getItem(this.draftKey)) || "";
  }

  forget() {
    storage((store) => store.removeItem(this.draftKey));
  }
}

/** Some browsers forbid storage; then there are no drafts. */
function storage(use) {
  try {
    return use(window.localStorage);
  } catch {
    return null;
  }
}

customElements.define("fa-composer", Composer);
