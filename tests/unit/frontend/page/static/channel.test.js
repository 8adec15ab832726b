// @ts-check
import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { connection, report } from "../../../../../frontend/fastagency_frontend/page/static/connection.js";

/** A request that goes nowhere; the test says what becomes of it. */
class Request extends EventTarget {
  static LOADING = 3;
  readyState = 4;
  status = 200;
  type = "text/event-stream";
  responseText = "data: {}\n\ndata: <stream_end>\n\n";
  /** @type {unknown[]} */
  opened = [];

  /** @param {unknown[]} rest */
  open(...rest) {
    this.opened = rest;
  }

  getResponseHeader() {
    return this.type;
  }

  /** @param {string[]} events */
  happens(...events) {
    for (const event of events) this.dispatchEvent(new Event(event));
  }
}

Object.assign(globalThis, { XMLHttpRequest: Request });
// A script of the page itself, not a module.
await import(String(new URL("../../../../../frontend/fastagency_frontend/page/static/guard.js", import.meta.url)));
await import("../../../../../frontend/fastagency_frontend/page/static/channel.js");

const said = () => document.querySelector(".fa-guard p")?.textContent;

beforeEach(() => {
  document.body.replaceChildren();
  connection.channelDead = false;
  report("ok");
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
});

function asked(url = "http://page.test/__ui__") {
  const request = new Request();
  request.open("POST", url, true);
  return request;
}

test("the arguments of a request are handed on as they came", () => {
  assert.deepEqual(asked("/x").opened, ["POST", "/x", true]);
});

test("an answer that is complete is no trouble, and neither is Mesop's own abort after it", () => {
  asked().happens("load", "loadend");
  asked().happens("abort", "loadend");
  mock.timers.tick(600_000);
  assert.equal(connection.channelDead, false);
});

for (const [name, status, responseText] of /** @type {const} */ ([
  ["breaks off", 200, "data: {}\n\n"],
  ["is an error page", 502, "<stream_end>"],
])) {
  test(`an answer that ${name} leaves Mesop dead`, () => {
    Object.assign(asked(), { status, responseText }).happens("load", "loadend");
    assert.equal(connection.channelDead, true);
  });
}

test("a request that fails leaves Mesop dead", () => {
  asked().happens("error", "loadend");
  assert.equal(connection.channelDead, true);
});

test("a request without an answer leaves Mesop dead after a minute", () => {
  asked();
  mock.timers.tick(59_999);
  assert.equal(connection.channelDead, false);
  mock.timers.tick(1);
  assert.equal(connection.channelDead, true);
});

test("requests of others are not watched", () => {
  asked("http://page.test/other").happens("error");
  mock.timers.tick(600_000);
  assert.equal(connection.channelDead, false);
});

test("what our server says when it refuses takes the place of a page that is not there", () => {
  const request = Object.assign(asked(), { status: 403, type: "text/plain; charset=utf-8", responseText: "Not here." });
  Object.assign(request, { readyState: Request.LOADING }).happens("readystatechange", "abort", "loadend");
  assert.equal(said(), "Not here.");
  assert.equal(connection.channelDead, true);
});

test("what others say is not shown", () => {
  Object.assign(asked(), { status: 403, type: "text/html", responseText: "<h1>proxy</h1>" }).happens("load", "loadend");
  assert.equal(said(), "This page's server could not show it (HTTP status 403). Try again in a moment.");
});

test("a page that is there has a banner, and keeps its place", () => {
  document.body.append(document.createElement("fa-pulse"));
  asked().happens("error", "loadend");
  assert.equal(said(), undefined);
});

test("a script that cannot be loaded is told, once", () => {
  for (const name of ["a.js", "b.js"]) {
    const script = document.createElement("script");
    script.type = "text/plain";
    document.head.append(script);
    script.dataset.name = name;
    script.dispatchEvent(new window.Event("error"));
  }
  assert.equal(document.querySelectorAll(".fa-guard").length, 1);
  assert.match(said() ?? "", /^A part of this page could not be loaded/);
});
