// @ts-check
// <fa-pulse>: the banner at the top, and the way back. While something is wrong it asks again and again, with growing
// pauses, and when all is well it lets Mesop read everything anew. While all is well it asks now and then whether the
// list of conversations has changed (in another tab, on another device).

import { connection, isSignedOut, report, watchConnection } from "./connection.js";
import { BASE, backoff, button, element, icon, ROUTES, shadow, tell } from "./dom.js";

/** @import { Pulse as Answer, PulseEvents, PulseState } from "./wire.d.ts" */
/** @import { Handler } from "./dom.js" */

const QUIET_MS = 20000;
const PATIENCE_MS = 20000;

class Pulse extends HTMLElement {
  /** @type {Handler<PulseEvents["changed"]> | undefined} */
  changed;
  /** Grows with every event; nothing is made of it here, but Mesop sets it. */
  acknowledged = 0;

  #sentence = element("span", "banner-text");
  #retry = button("banner-button", () => this.#check(), "Try now");
  #signIn = element("a", "banner-button", "Sign in again");
  #banner = element("div", "banner", icon("cloud"), this.#sentence, this.#retry, this.#signIn);
  #fingerprint = "";
  #person = "";
  #trouble = "";
  #failures = 0;
  #unwatch = () => {};
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  constructor() {
    super();
    this.#banner.setAttribute("role", "status");
    this.#banner.hidden = true;
    shadow(this, "pulse", this.#banner);
  }

  connectedCallback() {
    this.#unwatch = watchConnection(() => this.#show());
    document.addEventListener("visibilitychange", this.#onWake);
    window.addEventListener("online", this.#onWake);
    window.addEventListener("offline", this.#onOffline);
    this.#schedule(QUIET_MS);
    this.#show(); // Trouble may have been reported before this element was in the page.
  }

  disconnectedCallback() {
    this.#unwatch();
    document.removeEventListener("visibilitychange", this.#onWake);
    window.removeEventListener("online", this.#onWake);
    window.removeEventListener("offline", this.#onOffline);
    clearTimeout(this.#timer);
  }

  set fingerprint(/** @type {string} */ value) {
    this.#fingerprint = value;
  }

  set person(/** @type {string} */ value) {
    this.#person = value;
  }

  set trouble(/** @type {string} */ value) {
    if (value === this.#trouble) return;
    this.#trouble = value;
    if (value) report("backend", value);
    else if (connection.state === "backend") report("ok");
  }

  #onWake = () => {
    if (!document.hidden) this.#check();
  };

  #onOffline = () => report("page");

  #show() {
    const { state, sentence, channelDead } = connection;
    this.#banner.hidden = state === "ok" && !channelDead;
    this.#retry.hidden = state === "out";
    this.#signIn.hidden = state !== "out";
    if (state === "out") {
      const here = window.location.pathname + window.location.search;
      this.#signIn.href = `${BASE}/sign-in?next=${encodeURIComponent(here)}`;
      this.#sentence.textContent = "You have been signed out. What you wrote is kept.";
      return;
    }
    this.#sentence.textContent =
      state === "backend"
        ? `${sentence} This page tries again by itself.`
        : "The connection to this page's server was lost. Trying again; nothing you wrote is lost.";
    if (state !== "ok") this.#schedule(backoff(this.#failures));
  }

  /** @param {number} delay in milliseconds */
  #schedule(delay) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#check(), delay);
  }

  async #check() {
    clearTimeout(this.#timer);
    if (document.hidden && connection.state === "ok") {
      this.#schedule(QUIET_MS);
      return;
    }
    const answer = await this.#ask();
    if (answer === "out") {
      this.#failures = 0;
    } else if (answer === null) {
      this.#failures += 1;
      report("page");
    } else if ("trouble" in answer) {
      this.#failures += 1;
      report("backend", answer.trouble);
    } else {
      this.#failures = 0;
      this.#recovered(answer);
    }
    this.#schedule(["ok", "out"].includes(connection.state) ? QUIET_MS : backoff(this.#failures));
  }

  /** @param {PulseState} answer */
  #recovered(answer) {
    // Somebody has signed in again, in another tab; it may be somebody else, who has other conversations.
    const another = (answer.person ?? "") !== this.#person && this.#person !== "";
    if (connection.channelDead || connection.state === "out" || another) {
      window.location.reload();
      return;
    }
    const wasAway = connection.state !== "ok" || this.#trouble;
    report("ok");
    if (wasAway || answer.changed) tell(this, this.changed, {});
  }

  /** @returns {Promise<Answer | "out" | null>} out: nobody is signed in; null: the page's server does not answer */
  async #ask() {
    try {
      const address = `${ROUTES}/pulse?shell=${encodeURIComponent(this.#fingerprint)}`;
      const response = await fetch(address, { signal: AbortSignal.timeout(PATIENCE_MS) });
      if (isSignedOut(response)) return "out";
      return response.ok ? await response.json() : null;
    } catch {
      return null;
    }
  }
}

customElements.define("fa-pulse", Pulse);
