// Which question has just been answered, from where the log is read to where answers are written.

const listeners = new Set();

export function reportAnswered(question) {
  listeners.forEach((listener) => listener(question));
}

export function watchAnswered(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
