// @ts-check
// Which question has just been answered, from where the log is read to where answers are written.

/** @typedef {(question: string) => void} Listener */

/** @type {Set<Listener>} */
const listeners = new Set();

/** @param {string} question */
export function reportAnswered(question) {
  for (const listener of listeners) listener(question);
}

/**
 * @param {Listener} listener
 * @returns {() => void} ends it
 */
export function watchAnswered(listener) {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}
