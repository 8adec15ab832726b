// @ts-check
// Which question has just been closed, and why, from where the log is read to where answers are written.

/** @typedef {(question: string, why: string) => void} Listener */

const ANSWERED = "This question has been answered.";

/** @type {Set<Listener>} */
const listeners = new Set();

/**
 * @param {string} question
 * @param {string} [why]
 */
export function reportAnswered(question, why = ANSWERED) {
  for (const listener of listeners) listener(question, why);
}

/**
 * @param {Listener} listener
 * @returns {() => void} ends it
 */
export function watchAnswered(listener) {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}
