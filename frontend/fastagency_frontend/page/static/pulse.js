// The banner at the top, and the way back: while something is wrong it asks again and again, with growing pauses, and
// when all is well it lets Mesop read everything anew. While all is well it asks now and then whether the list of
// conversations has changed (in another tab, on another device).

import { connection, report, watchConnection } from "./connection.js";
import { backoff, element, icon, ROUTES, shadow, tell } from "./dom.js";

const QUIET_MS = 20000;
const PATIENCE_MS = 20000;

class Pulse extends HTMLElement {
  constructor() {
    super();
    this._fingerprint = "";
    this._trouble = "";
    this.failures = 0;
    this.sentence = element("span", "banner-text");
    this.retry = element("button", "banner-button", "Try now");
    this.retry.type = "button";
    this.retry.addEventListener("click", () => this.check());
    this.banner = element("div", "banner", icon("cloud"), this.sentence, this.retry);
    this.banner.setAttribute("role", "status");
    this.banner.hidden = true;
    shadow(this, "pulse", this.banner);
    this.onWake = () => document.hidden || this.check();
    this.onOffline = () => report("page");
  }

  connectedCallback() {
    this.unwatch = watchConnection(() => this.show());
    document.addEventListener("visibilitychange", this.onWake);
    window.addEventListener("online", this.onWake);
    window.addEventListener("offline", this.onOffline);
    this.schedule(QUIET_MS);
    this.show(); // Trouble may have been reported before this element was in the page.
  }

  disconnectedCallback() {
    this.unwatch();
    document.removeEventListener("visibilitychange", this.onWake);
    window.removeEventListener("online", this.onWake);
    window.removeEventListener("offline", this.onOffline);
    clearTimeout(this.timer);
  }

  set fingerprint(value) {
    this._fingerprint = value;
  }

  set trouble(value) {
    if (value === this._trouble) return;
    this._trouble = value;
    if (value) report("backend", value);
    else if (connection.state === "backend") report("ok");
  }

  set acknowledged(value) {
    this._acknowledged = value;
  }

  show() {
    const { state, sentence, channelDead } = connection;
    this.banner.hidden = state === "ok" && !channelDead;
    this.sentence.textContent =
      state === "backend"
        ? `${sentence} This page tries again by itself.`
        : "The connection to this page's server was lost. Trying again; nothing you wrote is lost.";
    if (state !== "ok") this.schedule(backoff(this.failures));
  }

  schedule(delay) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.check(), delay);
  }

  async check() {
    clearTimeout(this.timer);
    if (document.hidden && connection.state === "ok") return this.schedule(QUIET_MS);
    const answer = await this.ask();
    if (answer === null) {
      this.failures += 1;
      report("page");
    } else if (answer.trouble) {
      this.failures += 1;
      report("backend", answer.trouble);
    } else {
      this.failures = 0;
      this.recovered(answer);
    }
    this.schedule(connection.state === "ok" ? QUIET_MS : backoff(this.failures));
  }

  recovered(answer) {
    if (connection.channelDead) return window.location.reload();
    const wasAway = connection.state !== "ok" || this._trouble;
    report("ok");
    if (wasAway || answer.changed) tell(this, this.changed, {});
  }

  async ask() {
    try {
      const address = `${ROUTES}/pulse?shell=${encodeURIComponent(this._fingerprint)}`;
      const response = await fetch(address, { signal: AbortSignal.timeout(PATIENCE_MS) });
      return response.ok ? await response.json() : null;
    } catch {
      return null;
    }
  }
}

customElements.define("fa-pulse", Pulse);
