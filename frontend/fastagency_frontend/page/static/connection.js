// @ts-check
// What is known about the connection, in one place: every component reports what it sees, the banner shows it.
//
//   ok       all is well
//   backend  the page's server answers, but the backend behind it does not
//   page     the page's own server does not answer
//   out      nobody is signed in any more: only signing in again changes that

/** @typedef {"ok" | "backend" | "page" | "out"} State */
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
  if (connection.state === "out" || (state === connection.state && sentence === connection.sentence)) return;
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
 * Whether an answer of the page's server says that nobody is signed in any more; then everybody is told.
 *
 * @param {{ status: number }} answer
 */
export function isSignedOut(answer) {
  if (answer.status !== 401) return false;
  report("out");
  return true;
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
