// @ts-check
// What was written and not sent yet, kept in the browser: it survives a reload, and it survives its question. Text under
// a question that somebody else has answered is handed to the next question of the conversation.
//
// Drafts are shared by the tabs of a browser; what is left over is of the tab in which it was written.

/** @typedef {{ question: string, text: string }} Left */

/** @type {Set<string>} */
const accepted = new Set();

/** @param {string} question */
export function readDraft(question) {
  return stored(() => window.localStorage.getItem(draftKey(question))) || "";
}

/**
 * @param {string} question
 * @param {string} text
 */
export function writeDraft(question, text) {
  stored(() => {
    if (text) window.localStorage.setItem(draftKey(question), text);
    else window.localStorage.removeItem(draftKey(question));
  });
}

/**
 * The answer was taken, so that its draft is not needed any more.
 *
 * @param {string} question
 */
export function acceptDraft(question) {
  if (accepted.has(question)) return;
  accepted.add(question);
  writeDraft(question, "");
}

/**
 * Keep the text of a question that is not shown any more.
 *
 * @param {string} conversation
 * @param {string} question
 * @param {string} text
 */
export function leaveText(conversation, question, text) {
  if (!text || accepted.has(question)) return;
  stored(() => window.sessionStorage.setItem(leftKey(conversation), JSON.stringify({ question, text })));
}

/**
 * Take the text that was left in a conversation, unless its question is still asked.
 *
 * @param {string} conversation
 * @param {(question: string) => boolean} isAsked
 */
export function takeText(conversation, isAsked) {
  /** @type {Left | null} */
  const left = stored(() => JSON.parse(window.sessionStorage.getItem(leftKey(conversation)) ?? "null"));
  if (!left || isAsked(left.question)) return "";
  stored(() => window.sessionStorage.removeItem(leftKey(conversation)));
  if (accepted.has(left.question)) return "";
  writeDraft(left.question, "");
  return left.text;
}

/** @param {string} question */
function draftKey(question) {
  return `fastagency-draft-${question}`;
}

/** @param {string} conversation */
function leftKey(conversation) {
  return `fastagency-left-${conversation}`;
}

/**
 * Some browsers forbid storage; then there are no drafts.
 *
 * @template T
 * @param {() => T} use
 */
function stored(use) {
  try {
    return use();
  } catch {
    return null;
  }
}
