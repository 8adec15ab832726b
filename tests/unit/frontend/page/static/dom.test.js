// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  backoff,
  button,
  element,
  iconButton,
  shadow,
  tell,
} from "../../../../../frontend/fastagency_frontend/page/static/dom.js";
import { heard } from "./sample.js";

test("an element leaves out children that are nothing", () => {
  const made = element("p", "a b", "one", null, undefined, "", element("b", "", "two"));
  assert.equal(made.outerHTML, '<p class="a b">one<b>two</b></p>');
});

test("text is never read as HTML", () => {
  assert.equal(element("p", "", "<img src=x>").innerHTML, "&lt;img src=x&gt;");
});

test("a button does not send the form around it", () => {
  let clicks = 0;
  const made = button("x", () => {
    clicks += 1;
  });
  made.click();
  assert.equal(made.type, "button");
  assert.equal(clicks, 1);
});

test("an icon has a name for those who do not see it", () => {
  const made = iconButton("copy", "Copy", () => {});
  assert.equal(made.getAttribute("aria-label"), "Copy");
  assert.equal(made.querySelector(".icon")?.getAttribute("aria-hidden"), "true");
});

test("a component is hidden until its own style sheet is there", () => {
  const host = element("div");
  let styled = false;
  host.addEventListener("styled", () => {
    styled = true;
  });
  const root = shadow(host, "pulse", "content");
  const sheet = root.querySelector("link");
  const body = /** @type {HTMLElement | null} */ (root.querySelector(".root"));
  assert.ok(sheet && body);
  assert.match(sheet.href, /\/static\/style\/pulse\.css$/);
  assert.equal(body.style.visibility, "hidden");
  sheet.dispatchEvent(new CustomEvent("load"));
  assert.equal(body.style.visibility, "");
  assert.equal(styled, true);
});

test("Mesop is told by the id that it set; without one nobody is", () => {
  const host = element("div");
  const events = heard(host);
  tell(host, undefined, {});
  tell(host, "handler-1", { id: "x" });
  assert.deepEqual(events, [{ handlerId: "handler-1", payload: { id: "x" } }]);
});

test("pauses double up to a limit, and differ from browser to browser", () => {
  for (let failures = 0; failures < 40; failures += 1) {
    const whole = Math.min(15_000, 500 * 2 ** failures);
    const pause = backoff(failures);
    assert.ok(pause >= whole * 0.5 && pause < whole * 1.5, `${pause} after ${failures}`);
  }
});
