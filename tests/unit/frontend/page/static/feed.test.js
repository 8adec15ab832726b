// @ts-check
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { connection, report } from "../../../../../frontend/fastagency_frontend/page/static/connection.js";
import { Feed } from "../../../../../frontend/fastagency_frontend/page/static/feed.js";
import { settled, streamed, text } from "./sample.js";

/** @typedef {ReturnType<typeof streamed> & { address: string, signal: AbortSignal }} Live */

const RUN = { phase: "working", revision: "r1" };
const PAGE = { rows: [text(3), text(4)], first: 3, last: 4, more: true, run: RUN };

/** What the server answers to the next look at the history: an object, or an error. @type {unknown[]} */
let histories;
/** The requests for what happens now, oldest first. @type {Live[]} */
let lives;
/** @type {string[]} */
let asked;
/** What the view was told. @type {unknown[][]} */
let told;
/** @type {Feed[]} */
let feeds;

/** @returns {Live} */
function live() {
  const last = lives.at(-1);
  assert.ok(last, "nobody asked for what happens now");
  return last;
}

/**
 * @param {string} address
 * @param {{ signal: AbortSignal }} options
 */
async function answer(address, { signal }) {
  asked.push(address.replace("/__fastagency__/runs/abc", ""));
  if (address.includes("/history")) {
    const next = histories.shift();
    if (next instanceof Error) throw next;
    return next instanceof Response ? next : Response.json(next);
  }
  const stream = streamed(signal);
  lives.push({ ...stream, address, signal });
  return stream.response;
}

/** A feed that has started. */
async function started() {
  const view = Object.fromEntries(
    ["page", "news", "stream", "run", "gone"].map((name) => [
      name,
      (/** @type {unknown} */ value) => void told.push(value === undefined ? [name] : [name, value]),
    ]),
  );
  const feed = new Feed("abc", /** @type {any} */ (view));
  feeds.push(feed);
  const ended = feed.run();
  await settled();
  return { feed, ended };
}

/** @param {number} milliseconds */
async function after(milliseconds) {
  mock.timers.tick(milliseconds);
  await settled();
}

beforeEach(() => {
  histories = [PAGE];
  lives = [];
  asked = [];
  told = [];
  feeds = [];
  connection.channelDead = false;
  connection.state = "ok";
  Object.defineProperty(document, "hidden", { value: false, configurable: true });
  mock.method(globalThis, "fetch", answer);
  mock.method(Math, "random", () => 0.5);
  mock.timers.enable({ apis: ["setTimeout"] });
});

afterEach(() => {
  for (const feed of feeds) feed.stop();
  mock.timers.reset();
  mock.restoreAll();
});

test("the newest page comes first, then what happens after it", async () => {
  await started();
  assert.deepEqual(asked, ["/history", "/live?after=4&hold=1"]);
  live().line({ rows: [text(5)], last: 5, run: RUN });
  live().line({ stream: { id: "s", sender: "ada", html: "so" } });
  live().line({ beat: 1 });
  live().line({ run: { phase: "waiting", revision: "r2" } });
  await settled();
  assert.deepEqual(told, [
    ["page", PAGE],
    ["news", [text(5)]],
    ["run", RUN],
    ["stream", { id: "s", sender: "ada", html: "so" }],
    ["run", { phase: "waiting", revision: "r2" }],
  ]);
});

test("it goes on from where it is, when the server says so", async () => {
  await started();
  live().line({ rows: [text(5)], last: 5, run: RUN });
  live().line({ next: 400 });
  live().end();
  await settled();
  await after(399);
  assert.equal(lives.length, 1);
  await after(1);
  assert.match(live().address, /after=5&hold=1$/);
});

test("it ends with the run", async () => {
  const { ended } = await started();
  live().line({ next: null });
  live().end();
  await ended;
  assert.equal(lives.length, 1);
});

test("lines are read whole, however the network cuts them", async () => {
  await started();
  const bytes = new TextEncoder().encode(
    `${JSON.stringify({ rows: [text(5, { body: "žÄ€" })], last: 5, run: RUN })}\n`,
  );
  for (const byte of bytes) live().bytes(Uint8Array.of(byte));
  await settled();
  assert.deepEqual(told[1], ["news", [text(5, { body: "žÄ€" })]]);
});

test("a last line without an end is a line too", async () => {
  await started();
  live().write('{"next":null}');
  live().end();
  await settled();
  await after(60_000);
  assert.equal(lives.length, 1);
});

test("a response that falls silent is given up and asked for again", async () => {
  await started();
  live().line({ beat: 1 });
  await settled();
  await after(13_999);
  assert.equal(live().signal.aborted, false);
  await after(1);
  assert.equal(live().signal.aborted, true);
  assert.equal(connection.state, "page");
  await after(500);
  assert.equal(lives.length, 2);
  live().line({ beat: 1 });
  await settled();
  assert.equal(connection.state, "ok");
});

test("pauses grow with every failure", async () => {
  histories = [new Error("no network"), new Response("", { status: 502 }), PAGE];
  await started();
  assert.equal(connection.state, "page");
  await after(499);
  assert.equal(asked.length, 1);
  await after(1);
  assert.equal(asked.length, 2);
  await after(999);
  assert.equal(asked.length, 2);
  await after(1);
  assert.deepEqual(asked, ["/history", "/history", "/history", "/live?after=4&hold=1"]);
});

test("a backend that is away is told by its sentence, before and after the first page", async () => {
  histories = [{ trouble: "The backend is away." }, PAGE];
  await started();
  assert.deepEqual([connection.state, connection.sentence], ["backend", "The backend is away."]);
  await after(500);
  live().line({ trouble: "Away again." });
  await settled();
  assert.deepEqual([connection.state, connection.sentence], ["backend", "Away again."]);
});

test("a conversation that cannot be read is told so, once", async () => {
  histories = [{ gone: "There is no conversation." }];
  const { ended } = await started();
  await ended;
  assert.deepEqual(told, [["gone", "There is no conversation."]]);
});

test("a conversation that is deleted meanwhile is told so", async () => {
  const { ended } = await started();
  live().line({ gone: "It was deleted." });
  live().line({ next: null });
  live().end();
  await ended;
  assert.deepEqual(told.at(-1), ["gone", "It was deleted."]);
});

test("a dead channel is not healed by a feed that works", async () => {
  await started();
  connection.channelDead = true;
  report("page");
  live().line({ beat: 1 });
  await settled();
  assert.equal(connection.state, "page");
});

test("what is not seen holds no connection, and looks again when it is seen", async () => {
  const { feed } = await started();
  Object.defineProperty(document, "hidden", { value: true, configurable: true });
  feed.release();
  await settled();
  assert.equal(live().signal.aborted, true);
  assert.equal(connection.state, "ok");
  await after(9_999);
  assert.equal(lives.length, 1);
  await after(1);
  assert.match(live().address, /hold=0$/);
  live().line({ next: 400 });
  live().end();
  await settled();
  await after(9_999);
  assert.equal(lives.length, 2);
  Object.defineProperty(document, "hidden", { value: false, configurable: true });
  feed.wake();
  await settled();
  assert.match(live().address, /hold=1$/);
});

test("a reason to look that comes while it looks is not forgotten", async () => {
  const { feed } = await started();
  feed.wake();
  live().line({ next: 3000 });
  live().end();
  await settled();
  assert.equal(lives.length, 2);
  live().line({ next: 3000 });
  live().end();
  await settled();
  assert.equal(lives.length, 2);
});

test("after stop nothing is asked and nothing told", async () => {
  const { feed, ended } = await started();
  live().line({ rows: [text(5)], last: 5, run: RUN });
  feed.stop();
  await ended;
  await after(60_000);
  assert.equal(lives.length, 1);
  assert.deepEqual(
    told.filter(([name]) => name === "news"),
    [],
  );
});

test("what was asked for before stop is not told after it", async () => {
  /** @type {(response: Response) => void} */
  let arrive = () => {};
  mock.method(globalThis, "fetch", () => {
    return new Promise((resolve) => {
      arrive = resolve;
    });
  });
  const { feed, ended } = await started();
  feed.stop();
  arrive(Response.json(PAGE));
  await ended;
  assert.deepEqual(told, []);
});

test("an earlier page is the one before the first row, and moves the cursor", async () => {
  const { feed } = await started();
  const earlier = { ...PAGE, rows: [text(1), text(2)], first: 1, last: 2, more: false };
  histories = [earlier, { trouble: "away" }, { gone: "no" }];
  assert.deepEqual(await feed.earlier(), earlier);
  assert.equal(asked.at(-1), "/history?before=3");
  await assert.rejects(feed.earlier(), /away/);
  await assert.rejects(feed.earlier(), /no/);
  assert.equal(asked.at(-1), "/history?before=1");
});

test("when the log has begun anew, the newest page is read again, and its epoch is sent with every cursor", async () => {
  const { feed } = await started();
  histories = [
    { ...PAGE, epoch: 2 },
    { ...PAGE, rows: [text(1), text(2)], first: 1, last: 2, more: false },
  ];
  live().line({ anew: 1 });
  live().line({ next: 0 });
  live().end();
  await settled();
  await after(0);
  assert.deepEqual(asked.slice(2), ["/history", "/live?after=4&hold=1&epoch=2"]);
  assert.deepEqual(
    told.map(([what]) => what),
    ["page", "page"],
  );
  assert.equal((await feed.earlier())?.last, 2);
  assert.equal(asked.at(-1), "/history?before=3&epoch=2");
});

test("earlier messages that are not of this log are not shown: all is read again", async () => {
  const { feed } = await started();
  histories = [{ anew: 1 }, { ...PAGE, epoch: 1 }];
  assert.equal(await feed.earlier(), null);
  assert.deepEqual(told.at(-1), ["page", { ...PAGE, epoch: 1 }]);
});

test("who is signed out reads no further, and tries no more", async () => {
  histories = [new Response("You have been signed out.", { status: 401 })];
  const { ended } = await started();
  await ended;
  assert.equal(connection.state, "out");
  await after(60_000);
  assert.deepEqual(asked, ["/history"]);
  assert.deepEqual(told, []);
});

test("a session that ends while the browser watches", async () => {
  const { ended } = await started();
  live().line({ signed_out: 1 });
  live().line({ next: null });
  live().end();
  await ended;
  assert.equal(connection.state, "out");
});
