// @ts-check
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import {
  connection,
  report,
  reportDeadChannel,
  watchConnection,
} from "../../../../../frontend/fastagency_frontend/page/static/connection.js";

beforeEach(() => {
  connection.channelDead = false;
  report("ok");
});

test("a change is told once, with its sentence", () => {
  /** @type {string[]} */
  const told = [];
  const end = watchConnection(({ state, sentence }) => told.push(`${state}: ${sentence}`));
  report("backend", "away");
  report("backend", "away");
  report("backend", "still away");
  report("ok");
  end();
  report("page");
  assert.deepEqual(told, ["backend: away", "backend: still away", "ok: "]);
});

test("a lost request of Mesop's is a lost connection to the page", () => {
  reportDeadChannel();
  assert.deepEqual(connection, { state: "page", sentence: "", channelDead: true });
});
