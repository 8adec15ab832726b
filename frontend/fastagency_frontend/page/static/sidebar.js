// @ts-check
// <fa-sidebar>: the list of conversations, with what can be done to each, and the choice of theme.

import { BASE, button, element, icon, iconButton, shadow, tell } from "./dom.js";

/** @import { ConversationView, SidebarEvents, Theme } from "./wire.d.ts" */
/** @import { Handler } from "./dom.js" */

/** @type {[theme: Theme, shape: string, label: string][]} */
const THEMES = [
  ["system", "screen", "Theme of the system"],
  ["light", "sun", "Light theme"],
  ["dark", "moon", "Dark theme"],
];
/** @type {Record<ConversationView["phase"], string>} */
const PHASES = {
  working: "working",
  waiting: "your turn",
  completed: "finished",
  failed: "failed",
  cancelled: "stopped",
};
/** @type {[unit: Intl.RelativeTimeFormatUnit, seconds: number][]} */
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
const MAX_TITLE_CHARS = 200;
/** @type {Record<string, number>} */
const STEPS = { ArrowRight: 1, ArrowLeft: -1 };

const NONE_YET = "Your conversations will be listed here.";
const NOT_READ = "Your conversations cannot be read at the moment.";

class Sidebar extends HTMLElement {
  /** @type {Handler<SidebarEvents["opened"]> | undefined} */
  opened;
  /** @type {Handler<SidebarEvents["created"]> | undefined} */
  created;
  /** @type {Handler<SidebarEvents["renamed"]> | undefined} */
  renamed;
  /** @type {Handler<SidebarEvents["deleted"]> | undefined} */
  deleted;
  /** @type {Handler<SidebarEvents["themed"]> | undefined} */
  themed;
  /** @type {Handler<SidebarEvents["closed"]> | undefined} */
  closed;

  #name = element("span", "brand-name");
  #list = element("ul", "conversations");
  #none = element("p", "none");
  #themes = THEMES.map(([theme, shape, label]) => this.#themeButton(theme, shape, label));
  #dialog = element("dialog", "dialog");
  #initial = element("span", "initial");
  #person = element("span", "person-name");
  #signOut = element("form", "", element("button", "sign-out", "Sign out"));
  #account = element("div", "account", this.#initial, this.#person, this.#signOut);

  /** @type {ConversationView[] | undefined} */
  #conversations;
  #current = "";
  /** What the list was built from. */
  #shown = "";
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #clock;

  constructor() {
    super();
    const brand = element("div", "brand", element("span", "brand-mark", icon("spark")), this.#name);
    const create = button("create", () => tell(this, this.created, {}), icon("plus"), "New conversation");
    const nav = element("nav", "scrolling", this.#list, this.#none);
    nav.setAttribute("aria-label", "Conversations");
    const themes = element("div", "themes", ...this.#themes);
    themes.setAttribute("role", "radiogroup");
    themes.setAttribute("aria-label", "Theme");
    this.#initial.setAttribute("aria-hidden", "true");
    this.#signOut.method = "post";
    this.#signOut.action = `${BASE}/sign-out`;
    this.#account.hidden = true;
    const side = element("div", "sidebar", brand, create, nav, themes, this.#dialog, this.#account);
    side.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !this.#dialog.open && isDrawer()) tell(this, this.closed, {});
    });
    shadow(this, "sidebar", side);
  }

  connectedCallback() {
    this.#clock = setInterval(() => this.#tick(), CLOCK_MS);
  }

  disconnectedCallback() {
    clearInterval(this.#clock);
  }

  set heading(/** @type {string} */ value) {
    this.#name.textContent = value;
  }

  set conversations(/** @type {ConversationView[]} */ value) {
    this.#conversations = value;
    this.#render();
  }

  /** Whether the conversations could be read. */
  set known(/** @type {boolean} */ value) {
    this.#none.textContent = value ? NONE_YET : NOT_READ;
  }

  set current(/** @type {string} */ value) {
    this.#current = value;
    this.#render();
  }

  /** Who has signed in; empty where nobody does. */
  set person(/** @type {string} */ value) {
    this.#account.hidden = !value;
    this.#person.textContent = value;
    this.#person.title = value;
    this.#initial.textContent = [...value][0]?.toUpperCase() ?? "";
  }

  set can_sign_out(/** @type {boolean} */ value) {
    this.#signOut.hidden = !value;
  }

  set theme(/** @type {string} */ value) {
    for (const each of this.#themes) {
      const chosen = each.dataset.theme === value;
      each.setAttribute("aria-checked", String(chosen));
      each.tabIndex = chosen ? 0 : -1;
    }
  }

  /** Mesop sets every property at each render: build the list only when it is another one. */
  #render() {
    const wanted = JSON.stringify([this.#conversations, this.#current]);
    if (wanted === this.#shown || !this.#conversations) return;
    this.#shown = wanted;
    this.#list.replaceChildren(...this.#conversations.map((conversation) => this.#item(conversation)));
    this.#none.hidden = this.#conversations.length > 0;
  }

  /** @param {ConversationView} conversation */
  #item(conversation) {
    const { title } = conversation;
    const rename = iconButton("edit", `Rename ${title}`, () => this.#askTitle(conversation));
    const remove = iconButton("delete", `Delete ${title}`, () => this.#askDelete(conversation));
    return element("li", "", this.#link(conversation), element("span", "tools", rename, remove));
  }

  /** @param {ConversationView} conversation */
  #link({ id, title, phase, at }) {
    const when = element("time", "", relativeTime(at));
    when.dateTime = at;
    const dot = element("span", `dot dot-${phase}`);
    const name = element("span", "name", title);
    const link = element("a", "conversation", dot, name, element("span", "state", PHASES[phase]), when);
    link.href = `${BASE}/?conversation=${id}`;
    link.title = title;
    if (id === this.#current) link.setAttribute("aria-current", "page");
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      tell(this, this.opened, { id });
    });
    return link;
  }

  #tick() {
    for (const time of this.#list.querySelectorAll("time")) time.textContent = relativeTime(time.dateTime);
  }

  /** @param {ConversationView} conversation */
  #askTitle({ id, title }) {
    const field = element("input", "dialog-field");
    field.value = title;
    field.maxLength = MAX_TITLE_CHARS;
    field.setAttribute("aria-label", "Title");
    this.#ask("Rename this conversation", field, "Rename", "primary", () => {
      if (field.value.trim()) tell(this, this.renamed, { id, title: field.value });
    });
    field.select();
  }

  /** @param {ConversationView} conversation */
  #askDelete({ id, title }) {
    const text = element("p", "", `“${title}” and all of its messages will be removed for good.`);
    this.#ask("Delete this conversation?", text, "Delete", "primary danger", () => tell(this, this.deleted, { id }));
  }

  /**
   * @param {string} heading
   * @param {HTMLElement} content
   * @param {string} label what the button says that does it
   * @param {string} kind of that button
   * @param {() => void} action
   */
  #ask(heading, content, label, kind, action) {
    const cancel = button("dialog-button", () => this.#dialog.close(), "Cancel");
    const confirm = element("button", `dialog-button ${kind}`, label);
    confirm.type = "submit";
    const buttons = element("div", "dialog-buttons", cancel, confirm);
    const form = element("form", "", element("h3", "", heading), content, buttons);
    form.method = "dialog";
    form.addEventListener("submit", action);
    this.#dialog.setAttribute("aria-label", heading);
    this.#dialog.replaceChildren(form);
    this.#dialog.showModal();
  }

  /**
   * @param {Theme} theme
   * @param {string} shape
   * @param {string} label
   */
  #themeButton(theme, shape, label) {
    const made = iconButton(shape, label, () => {
      const secure = window.location.protocol === "https:" ? "; Secure" : "";
      // biome-ignore lint/suspicious/noDocumentCookie: the cookie store is not there on plain http, nor in every browser
      document.cookie = `fastagency_theme=${theme}; Path=${BASE}/; Max-Age=${YEAR_S}; SameSite=Lax${secure}`;
      tell(this, this.themed, { theme });
    });
    made.dataset.theme = theme;
    made.setAttribute("role", "radio");
    made.addEventListener("keydown", (event) => {
      const step = STEPS[event.key];
      if (!step) return;
      const next = this.#themes.at((this.#themes.indexOf(made) + step) % this.#themes.length);
      next?.focus();
      next?.click();
    });
    return made;
  }
}

/** Whether the list lies over the page, as on phones. */
function isDrawer() {
  return window.matchMedia("(max-width: 800px)").matches;
}

/** @param {string} iso */
function relativeTime(iso) {
  const seconds = (Date.now() - new Date(iso).getTime()) / 1000;
  const format = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "narrow" });
  for (const [unit, size] of UNITS) if (seconds >= size) return format.format(-Math.floor(seconds / size), unit);
  return "now";
}

customElements.define("fa-sidebar", Sidebar);
