// What Mesop and browsers put into the global scope of our modules, as far as these use it.

interface HtmlPolicy {
  createHTML(html: string): string;
}

interface Window {
  /** Where Mesop is mounted, without a slash at the end; not set at the root. */
  __MESOP_BASE_URL_PATH__?: string;
  /** What `guard.js` leaves for `channel.js`. */
  fastagencyGuard: { say(sentence: string): void };
  /** Not in every browser, and not yet in TypeScript's own description of them. */
  trustedTypes?: { createPolicy(name: string, rules: HtmlPolicy): HtmlPolicy };
}

/** The event that Mesop listens to on a web component; it knows its Python handler by `handlerId`. */
declare class MesopEvent<T> extends Event {
  constructor(handlerId: string, payload: T);
}
