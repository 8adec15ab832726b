// @ts-check
// The calls of functions, each a card, and their results, which go into the card of their call. A long conversation is
// read backwards page by page, so that either may be read first; some models count their calls anew in every reply, so
// that the order in the log decides which belong together.

import { element } from "./dom.js";
import { folding, section } from "./part.js";

/** @import { CallRow, ResultRow } from "./wire.d.ts" */

/** @typedef {{ row: CallRow, card: HTMLElement }} Call */
/** @typedef {{ row: ResultRow, card: HTMLElement | null }} Result a result, and its own card as long as it needs one */

export class Calls {
  /** @type {Call[]} */
  #open = [];
  /** @type {Result[]} */
  #results = [];
  #over = false;

  /**
   * The card of a call.
   *
   * @param {CallRow} row
   */
  call(row) {
    const about = `called by ${row.sender || "an agent"}`;
    const card = makeCard(row, about, badge("running"), section("Arguments", row.arguments));
    const result = this.#resultOf(row);
    if (result) {
      settle(card, result.row);
      result.card?.remove();
      result.card = null;
    } else if (this.#over) {
      setBadge(card, badge("no result"));
    } else {
      this.#open.push({ row, card });
    }
    return card;
  }

  /**
   * The card of a result; null where the card of its call shows it.
   *
   * @param {ResultRow} row
   */
  result(row) {
    const call = this.#callOf(row);
    const card = call ? null : makeCard(row, `run by ${row.sender || "an agent"}`, outcome(row), shown(row));
    this.#results.push({ row, card });
    if (!call) return card;
    this.#open = this.#open.filter((each) => each !== call);
    settle(call.card, row);
    return null;
  }

  /** The run has ended: what has no result will not have one any more. */
  close() {
    this.#over = true;
    for (const { card } of this.#open) setBadge(card, badge("no result"));
    this.#open = [];
  }

  /** @param {ResultRow} row */
  #callOf(row) {
    return row.call ? this.#open.filter((each) => belong(each.row, row)).at(-1) : undefined;
  }

  /** @param {CallRow} row */
  #resultOf(row) {
    const results = row.call ? this.#results.filter((each) => belong(row, each.row)) : [];
    return results.sort((one, other) => (one.row.seq ?? 0) - (other.row.seq ?? 0))[0];
  }
}

/**
 * @param {CallRow} call
 * @param {ResultRow} result
 */
function belong(call, result) {
  return call.call === result.call && (call.seq ?? 0) <= (result.seq ?? Infinity);
}

/**
 * @param {HTMLElement} card
 * @param {ResultRow} row
 */
function settle(card, row) {
  card.append(shown(row));
  setBadge(card, outcome(row));
}

/** @param {ResultRow} row */
function shown(row) {
  return section(row.failed ? "Error" : "Result", row.result);
}

/** @param {ResultRow} row */
function outcome(row) {
  return row.failed ? badge("failed", "badge-failed") : badge("done", "badge-done");
}

/**
 * @param {string} label
 * @param {string} [kind]
 */
function badge(label, kind = "") {
  return element("span", `badge ${kind}`.trim(), label);
}

/**
 * @param {HTMLElement} card
 * @param {HTMLElement} made
 */
function setBadge(card, made) {
  card.querySelector(".badge")?.replaceWith(made);
}

/**
 * @param {CallRow | ResultRow} row
 * @param {string} about
 * @param {HTMLElement} state
 * @param {HTMLElement} content
 */
function makeCard(row, about, state, content) {
  const card = folding("call", "tool", row.name || "Function", about, content);
  card.querySelector(".card-note")?.after(state);
  return card;
}
