// What is known about the connection, in one place: every component reports what it sees, the banner shows it.
//
//   ok       all is well
//   backend  the page's server answers, but the backend behind it does not
//   page     the page's own server does not answer

const listeners = new Set();

export const connection = { state: "ok", sentence: "", channelDead: false };

export function report(state, sentence = "") {
  if (state === connection.state && sentence === connection.sentence) return;
  connection.state = state;
  connection.sentence = sentence;
  listeners.forEach((listener) => listener(connection));
}

/** Mesop lost a request: it will send no further event until the page is loaded again. */
export function reportDeadChannel() {
  connection.channelDead = true;
  report("page");
}

export function watchConnection(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
