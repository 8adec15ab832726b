// What was written and not sent yet, kept in the browser: it survives a reload, and it survives its question. Text under
// a question that somebody else has answered is handed to the next question of the conversation.
//
// Drafts are shared by the tabs of a browser; what is left over is of the tab in which it was written.

const accepted = new Set();

export function readDraft(question) {
  return stored(() => localStorage.getItem(draftKey(question))) || "";
}

export function writeDraft(question, text) {
  stored(() => (text ? localStorage.setItem(draftKey(question), text) : localStorage.removeItem(draftKey(question))));
}

/** The answer was taken, so that its draft is not needed any more. */
export function acceptDraft(question) {
  if (accepted.has(question)) return;
  accepted.add(question);
  writeDraft(question, "");
}

/** Keep the text of a question that is not shown any more. */
export function leaveText(conversation, question, text) {
  if (text && !accepted.has(question)) {
    stored(() => sessionStorage.setItem(leftKey(conversation), JSON.stringify({ question, text })));
  }
}

/** Take the text that was left in a conversation, unless its question is still asked. */
export function takeText(conversation, isAsked) {
  const left = stored(() => JSON.parse(sessionStorage.getItem(leftKey(conversation))));
  if (!left || isAsked(left.question)) return "";
  stored(() => sessionStorage.removeItem(leftKey(conversation)));
  if (accepted.has(left.question)) return "";
  writeDraft(left.question, "");
  return left.text;
}

function draftKey(question) {
  return `fastagency-draft-${question}`;
}

function leftKey(conversation) {
  return `fastagency-left-${conversation}`;
}

/** Some browsers forbid storage; then there are no drafts. */
function stored(use) {
  try {
    return use();
  } catch {
    return null;
  }
}
