// @ts-check
// What is known about the connection, in one place: every component reports what it sees, the banner shows it.
//
//   ok       all is well
//   backend  the page's server answers, but the backend behind it does not
//   page     the page's own server does not answer

/** @typedef {"ok" | "backend" | "page"} State */
/** @typedef {{ state: State, sentence: string, channelDead: boolean }} Connection */
/** @typedef {(connection: Connection) => void} Listener */

/** @type {Set<Listener>} */
const listeners = new Set();

/** @type {Connection} */
export const connection = { state: "ok", sentence: "", channelDead: false };

/**
 * @param {State} state
 * @param {string} [sentence]
 */
export function report(state, sentence = "") {
  if (state === connection.state && sentence === connection.sentence) return;
  connection.state = state;
  connection.sentence = sentence;
  for (const listener of listeners) listener(connection);
}

/** Mesop lost a request: it will send no further event until the page is loaded again. */
export function reportDeadChannel() {
  connection.channelDead = true;
  report("page");
}

/**
 * Be told of every change.
 *
 * @param {Listener} listener
 * @returns {() => void} ends it
 */
export function watchConnection(listener) {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}
