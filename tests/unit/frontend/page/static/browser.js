// @ts-check
// Loaded before each test file: the parts of a browser that the page's modules use. Requests, streams and timers are
// Node's own.

import { Window } from "happy-dom";

const browser = new Window({ url: "http://page.test/" });

/** What Mesop would hear: the handler and what it is sent. */
class MesopEvent extends browser.Event {
  /**
   * @param {string} handlerId
   * @param {unknown} payload
   */
  constructor(handlerId, payload) {
    super("mesop");
    this.handlerId = handlerId;
    this.payload = payload;
  }
}

Object.assign(globalThis, { window: browser, MesopEvent });
for (const name of /** @type {const} */ ([
  "CustomEvent",
  "HTMLElement",
  "HTMLScriptElement",
  "HTMLTextAreaElement",
  "KeyboardEvent",
  "MouseEvent",
  "ResizeObserver",
  "customElements",
  "document",
])) {
  Object.defineProperty(globalThis, name, { value: browser[name], configurable: true, writable: true });
}
// Style sheets and pages are not loaded: nothing listens at page.test.
browser.happyDOM.settings.disableCSSFileLoading = true;
browser.happyDOM.settings.handleDisabledFileLoadingAsSuccess = true;
browser.happyDOM.settings.navigation.disableMainFrameNavigation = true;
