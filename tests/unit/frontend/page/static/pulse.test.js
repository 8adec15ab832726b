// @ts-check
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import {
  connection,
  report,
  reportDeadChannel,
} from "../../../../../frontend/fastagency_frontend/page/static/connection.js";
import { find, heard, settled } from "./sample.js";

/** @import { PulseProperties } from "../../../../../frontend/fastagency_frontend/page/static/wire.d.ts" */

await import("../../../../../frontend/fastagency_frontend/page/static/pulse.js");

/** @type {HTMLElement & PulseProperties & { changed: string }} */
let pulse;
/** @type {ReturnType<typeof heard>} */
let events;
/** What the page's server answers from now on; null: it does not. @type {object | null} */
let answer;
/** @type {string[]} */
let asked;

beforeEach(() => {
  asked = [];
  answer = { changed: false };
  connection.channelDead = false;
  connection.state = "ok";
  mock.method(globalThis, "fetch", async (/** @type {string} */ address) => {
    asked.push(address);
    if (answer === null) throw new TypeError("no network");
    return Response.json(answer);
  });
  mock.method(Math, "random", () => 0.5);
  mock.timers.enable({ apis: ["setTimeout"] });
  pulse = /** @type {any} */ (document.createElement("fa-pulse"));
  Object.assign(pulse, { changed: "handler", fingerprint: "f 1", trouble: "", acknowledged: 0 });
  events = heard(pulse);
  document.body.append(pulse);
});

afterEach(() => {
  pulse.remove();
  mock.timers.reset();
  mock.restoreAll();
});

const banner = () => find(pulse, ".banner");

/** @param {number} milliseconds */
async function after(milliseconds) {
  mock.timers.tick(milliseconds);
  await settled();
}

test("while all is well it asks now and then, and tells Mesop of another list", async () => {
  await after(19_999);
  assert.deepEqual(asked, []);
  await after(1);
  assert.deepEqual(asked, ["/__fastagency__/pulse?shell=f%201"]);
  assert.deepEqual(events, []);
  answer = { changed: true };
  await after(20_000);
  assert.deepEqual(events, [{ handlerId: "handler", payload: {} }]);
  assert.equal(banner().hidden, true);
});

test("trouble is shown by its sentence, asked about with growing pauses, and over when it is over", async () => {
  pulse.trouble = "The backend is away.";
  assert.equal(banner().hidden, false);
  assert.match(banner().textContent ?? "", /^The backend is away\. This page tries again/);
  answer = { trouble: "The backend is away." };
  await after(500);
  assert.equal(asked.length, 1);
  await after(999);
  assert.equal(asked.length, 1);
  answer = { changed: false };
  await after(1);
  assert.equal(asked.length, 2);
  assert.equal(banner().hidden, true);
  assert.deepEqual(events, [{ handlerId: "handler", payload: {} }]);
});

test("a page without its server says so, and tries at once when asked to", async () => {
  answer = null;
  await after(20_000);
  assert.match(banner().textContent ?? "", /connection to this page's server was lost/);
  answer = { changed: false };
  find(pulse, ".banner-button").click();
  await settled();
  assert.equal(connection.state, "ok");
  assert.equal(banner().hidden, true);
});

test("trouble that Mesop has seen the end of is over", () => {
  pulse.trouble = "away";
  pulse.trouble = "";
  assert.equal(connection.state, "ok");
});

test("trouble that was there before the banner is shown", () => {
  pulse.remove();
  report("page");
  document.body.append(pulse);
  assert.equal(banner().hidden, false);
});

test("a page whose Mesop is dead is loaded again once its server answers", async () => {
  const reload = mock.method(window.location, "reload", () => {});
  reportDeadChannel();
  answer = null;
  await after(500);
  assert.equal(reload.mock.callCount(), 0);
  answer = { changed: true };
  await after(1000);
  assert.equal(reload.mock.callCount(), 1);
  assert.deepEqual(events, []);
});

test("a browser that goes offline is believed, and asks at once when it is back", async () => {
  window.dispatchEvent(new window.Event("offline"));
  assert.equal(connection.state, "page");
  window.dispatchEvent(new window.Event("online"));
  await settled();
  assert.equal(connection.state, "ok");
});

test("a banner that was taken away asks nothing any more", async () => {
  pulse.remove();
  report("page");
  window.dispatchEvent(new window.Event("online"));
  await after(600_000);
  assert.deepEqual(asked, []);
});

test("who was signed out is told so until they are signed in again, and then the page is loaded anew", async () => {
  const reload = mock.method(window.location, "reload", () => {});
  mock.method(globalThis, "fetch", async () => new Response("You have been signed out.", { status: 401 }));
  await after(20_000);
  assert.equal(banner().hidden, false);
  assert.match(banner().textContent ?? "", /You have been signed out\. What you wrote is kept\./);
  assert.equal(find(pulse, "a").hidden, false);
  assert.match(find(pulse, "a").getAttribute("href") ?? "", /^\/sign-in\?next=%2F/);
  report("page");
  assert.equal(connection.state, "out");
  mock.method(globalThis, "fetch", async () => Response.json({ changed: false, person: "p" }));
  await after(20_000);
  assert.equal(reload.mock.callCount(), 1);
  assert.deepEqual(events, []);
});

test("somebody else who has signed in, in another tab, gets a page of their own", async () => {
  const reload = mock.method(window.location, "reload", () => {});
  pulse.person = "anna";
  answer = { changed: false, person: "anna" };
  await after(20_000);
  assert.equal(reload.mock.callCount(), 0);
  answer = { changed: true, person: "bert" };
  await after(20_000);
  assert.equal(reload.mock.callCount(), 1);
  assert.deepEqual(events, []);
});
