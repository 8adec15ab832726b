// @ts-check
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { find, heard } from "./sample.js";

/** @import { ConversationView, SidebarProperties } from "../../../../../frontend/fastagency_frontend/page/static/wire.d.ts" */

await import("../../../../../frontend/fastagency_frontend/page/static/sidebar.js");

const NOW = Date.parse("2026-03-01T12:00:00Z");

/** @type {ConversationView[]} */
const CONVERSATIONS = [
  { id: "a", title: "Lesson", phase: "waiting", at: "2026-03-01T11:58:30Z" },
  { id: "b", title: "<b>Bold</b>", phase: "completed", at: "2026-02-20T12:00:00Z" },
];

/** @type {HTMLElement & SidebarProperties} */
let sidebar;
/** @type {ReturnType<typeof heard>} */
let events;

beforeEach(() => {
  mock.timers.enable({ apis: ["setInterval", "Date"], now: NOW });
  sidebar = /** @type {any} */ (document.createElement("fa-sidebar"));
  for (const name of ["opened", "created", "renamed", "deleted", "themed", "closed"]) {
    Object.assign(sidebar, { [name]: name });
  }
  Object.assign(sidebar, { heading: "Class", conversations: CONVERSATIONS, current: "a", theme: "dark" });
  events = heard(sidebar);
  document.body.append(sidebar);
});

afterEach(() => {
  sidebar.remove();
  mock.timers.reset();
  mock.restoreAll();
});

const all = (/** @type {string} */ selector) =>
  /** @type {HTMLElement[]} */ ([...(sidebar.shadowRoot?.querySelectorAll(selector) ?? [])]);

/** @param {string} label */
function tool(label) {
  find(sidebar, `[aria-label="${label}"]`).click();
}

test("each conversation has its title, its phase and its age", () => {
  assert.deepEqual(
    all(".name").map((each) => each.textContent),
    ["Lesson", "<b>Bold</b>"],
  );
  assert.deepEqual(
    all(".state").map((each) => each.textContent),
    ["your turn", "finished"],
  );
  assert.equal(find(sidebar, ".conversation[aria-current=page] .name").textContent, "Lesson");
  assert.equal(find(sidebar, ".none").hidden, true);
});

test("ages go on while the page is open", () => {
  const before = all("time").map((each) => each.textContent);
  mock.timers.tick(60_000);
  const after = all("time").map((each) => each.textContent);
  assert.notEqual(after[0], before[0]);
  assert.equal(after[1], before[1]);
});

test("the list is built anew only when it is another one", () => {
  const item = find(sidebar, "li");
  Object.assign(sidebar, { conversations: structuredClone(CONVERSATIONS), current: "a" });
  assert.equal(find(sidebar, "li"), item);
  sidebar.current = "b";
  assert.equal(find(sidebar, ".conversation[aria-current=page] .name").textContent, "<b>Bold</b>");
  sidebar.conversations = [];
  assert.equal(find(sidebar, ".none").hidden, false);
});

test("a click opens a conversation here; one that asks for another tab is left to the browser", () => {
  const link = find(sidebar, "li:last-child .conversation");
  assert.equal(link.getAttribute("href"), "/?conversation=b");
  link.dispatchEvent(new MouseEvent("click", { ctrlKey: true, cancelable: true }));
  assert.deepEqual(events, []);
  link.click();
  assert.deepEqual(events, [{ handlerId: "opened", payload: { id: "b" } }]);
});

test("a new conversation is asked for by its button", () => {
  find(sidebar, ".create").click();
  assert.deepEqual(events, [{ handlerId: "created", payload: {} }]);
});

test("a conversation is renamed to what was written, not to nothing", () => {
  for (const title of ["  ", "Algebra"]) {
    tool("Rename Lesson");
    const field = /** @type {HTMLInputElement} */ (find(sidebar, ".dialog-field"));
    assert.equal(field.value, "Lesson");
    field.value = title;
    find(sidebar, "form").dispatchEvent(new CustomEvent("submit"));
  }
  assert.deepEqual(events, [{ handlerId: "renamed", payload: { id: "a", title: "Algebra" } }]);
});

test("a conversation is deleted after a question that names it", () => {
  tool("Delete <b>Bold</b>");
  assert.match(find(sidebar, "dialog").textContent ?? "", /“<b>Bold<\/b>” and all of its messages/);
  assert.deepEqual(events, []);
  find(sidebar, "form").dispatchEvent(new CustomEvent("submit"));
  assert.deepEqual(events, [{ handlerId: "deleted", payload: { id: "b" } }]);
});

test("a question that is cancelled does nothing", () => {
  tool("Delete Lesson");
  find(sidebar, ".dialog-button").click();
  assert.equal(/** @type {HTMLDialogElement} */ (find(sidebar, "dialog")).open, false);
  assert.deepEqual(events, []);
});

test("the theme that is set is the one that is chosen, and the only one on the way of Tab", () => {
  const buttons = all(".themes button");
  assert.deepEqual(
    buttons.map((each) => [each.dataset.theme, each.getAttribute("aria-checked"), each.tabIndex]),
    [
      ["system", "false", -1],
      ["light", "false", -1],
      ["dark", "true", 0],
    ],
  );
});

test("arrows choose the next theme, around the end, and a cookie keeps it", () => {
  const dark = find(sidebar, '[data-theme="dark"]');
  dark.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" }));
  find(sidebar, '[data-theme="system"]').dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft" }));
  assert.deepEqual(
    events.map((event) => event.payload),
    [{ theme: "system" }, { theme: "dark" }],
  );
  assert.match(document.cookie, /fastagency_theme=dark/);
});

for (const drawer of [true, false]) {
  test(`Escape ${drawer ? "closes the drawer of a phone" : "does nothing where there is no drawer"}`, () => {
    mock.method(window, "matchMedia", () => ({ matches: drawer }));
    find(sidebar, ".sidebar").dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" }));
    assert.deepEqual(events, drawer ? [{ handlerId: "closed", payload: {} }] : []);
  });
}

test("who has signed in is shown with a way out, if there is one here", () => {
  assert.equal(find(sidebar, ".account").hidden, true);
  Object.assign(sidebar, { person: "Åsa <b>", can_sign_out: true });
  assert.equal(find(sidebar, ".account").hidden, false);
  assert.equal(find(sidebar, ".person-name").textContent, "Åsa <b>");
  assert.equal(find(sidebar, ".initial").textContent, "Å");
  const form = /** @type {HTMLFormElement} */ (find(sidebar, ".account form"));
  assert.equal(form.hidden, false);
  assert.equal(form.method, "post");
  assert.match(form.action, /\/sign-out$/);
  sidebar.can_sign_out = false;
  assert.equal(form.hidden, true);
});
