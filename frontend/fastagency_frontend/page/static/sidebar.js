// <fa-sidebar>: the list of conversations, with what can be done to each, and the choice of theme.

import { BASE, element, icon, iconButton, shadow, tell } from "./dom.js";

const THEMES = [
  ["system", "screen", "Theme of the system"],
  ["light", "sun", "Light theme"],
  ["dark", "moon", "Dark theme"],
];
const PHASES = {
  working: "working",
  waiting: "your turn",
  completed: "finished",
  failed: "failed",
  cancelled: "stopped",
};
const UNITS = [
  ["year", 31536000],
  ["month", 2592000],
  ["week", 604800],
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
];
const YEAR_S = 31536000;
const CLOCK_MS = 30000;

class Sidebar extends HTMLElement {
  constructor() {
    super();
    this.name = element("span", "brand-name");
    const create = element("button", "create", icon("plus"), "New conversation");
    create.type = "button";
    create.addEventListener("click", () => tell(this, this.created, {}));
    this.list = element("ul", "conversations");
    this.none = element("p", "none", "Your conversations will be listed here.");
    const nav = element("nav", "scrolling", this.list, this.none);
    nav.setAttribute("aria-label", "Conversations");
    this.themes = element("div", "themes", ...THEMES.map((theme) => this.themeButton(theme)));
    this.themes.setAttribute("role", "radiogroup");
    this.themes.setAttribute("aria-label", "Theme");
    const brand = element("div", "brand", element("span", "brand-mark", icon("spark")), this.name);
    this.dialog = element("dialog", "dialog");
    const side = element("div", "sidebar", brand, create, nav, this.themes, this.dialog);
    side.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !this.dialog.open && this.isDrawer()) tell(this, this.closed, {});
    });
    shadow(this, "sidebar", side);
    this.shown = "";
  }

  connectedCallback() {
    this.clock = setInterval(() => this.tick(), CLOCK_MS);
  }

  disconnectedCallback() {
    clearInterval(this.clock);
  }

  set heading(value) {
    this.name.textContent = value;
  }

  set conversations(value) {
    this._conversations = value;
    this.render();
  }

  set current(value) {
    this._current = value;
    this.render();
  }

  set theme(value) {
    this.themes.querySelectorAll("button").forEach((button) => {
      const chosen = button.dataset.theme === value;
      button.setAttribute("aria-checked", String(chosen));
      button.tabIndex = chosen ? 0 : -1;
    });
  }

  isDrawer() {
    return window.matchMedia("(max-width: 800px)").matches;
  }

  /** Mesop sets every property at each render: build the list only when it is another one. */
  render() {
    const wanted = JSON.stringify([this._conversations, this._current]);
    if (wanted === this.shown || !this._conversations) return;
    this.shown = wanted;
    this.list.replaceChildren(...this._conversations.map((conversation) => this.item(conversation)));
    this.none.hidden = this._conversations.length > 0;
  }

  item(conversation) {
    const { id, title, phase, at } = conversation;
    const link = element("a", "conversation", element("span", `dot dot-${phase}`), element("span", "name", title));
    const when = element("time", "", relativeTime(at));
    when.dateTime = at;
    link.append(element("span", "state", PHASES[phase]), when);
    link.href = `${BASE}/?conversation=${id}`;
    link.title = title;
    if (id === this._current) link.setAttribute("aria-current", "page");
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      tell(this, this.opened, { id });
    });
    const rename = iconButton("edit", `Rename ${title}`, () => this.askTitle(conversation));
    const remove = iconButton("delete", `Delete ${title}`, () => this.askDelete(conversation));
    return element("li", "", link, element("span", "tools", rename, remove));
  }

  tick() {
    this.list.querySelectorAll("time").forEach((time) => (time.textContent = relativeTime(time.dateTime)));
  }

  askTitle({ id, title }) {
    const field = element("input", "dialog-field");
    field.value = title;
    field.maxLength = 200;
    field.setAttribute("aria-label", "Title");
    const rename = () => field.value.trim() && tell(this, this.renamed, { id, title: field.value });
    this.ask("Rename this conversation", field, "Rename", rename);
    field.select();
  }

  askDelete({ id, title }) {
    const text = element("p", "", `“${title}” and all of its messages will be removed for good.`);
    this.ask("Delete this conversation?", text, "Delete", () => tell(this, this.deleted, { id }), "danger");
  }

  ask(heading, content, label, action, kind = "") {
    const cancel = element("button", "dialog-button", "Cancel");
    cancel.type = "button";
    cancel.addEventListener("click", () => this.dialog.close());
    const confirm = element("button", `dialog-button primary ${kind}`, label);
    confirm.type = "submit";
    const form = element("form", "", element("h3", "", heading), content, element("div", "dialog-buttons", cancel, confirm));
    form.method = "dialog";
    form.addEventListener("submit", action);
    this.dialog.setAttribute("aria-label", heading);
    this.dialog.replaceChildren(form);
    this.dialog.showModal();
  }

  themeButton([theme, shape, label]) {
    const choose = () => {
      const secure = window.location.protocol === "https:" ? "; Secure" : "";
      document.cookie = `fastagency_theme=${theme}; Path=${BASE}/; Max-Age=${YEAR_S}; SameSite=Lax${secure}`;
      tell(this, this.themed, { theme });
    };
    const button = iconButton(shape, label, choose);
    button.dataset.theme = theme;
    button.setAttribute("role", "radio");
    button.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const buttons = [...this.themes.children];
      const next = buttons[(buttons.indexOf(button) + step + buttons.length) % buttons.length];
      next.focus();
      next.click();
    });
    return button;
  }
}

function relativeTime(iso) {
  const seconds = (Date.now() - new Date(iso)) / 1000;
  const format = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "narrow" });
  for (const [unit, size] of UNITS) if (seconds >= size) return format.format(-Math.floor(seconds / size), unit);
  return "now";
}

customElements.define("fa-sidebar", Sidebar);
