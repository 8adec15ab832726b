// @ts-check
// What every component uses: elements, icons, its shadow tree, and the events that Mesop listens to.

export const BASE = window.__MESOP_BASE_URL_PATH__ || "";
export const ROUTES = `${BASE}/__fastagency__`;

const MAX_BACKOFF_MS = 15000;

/** @typedef {Node | string | null | undefined} Child */

/**
 * What Mesop sets as the property of an event: the id of its handler, to which a `T` is sent.
 *
 * @template T
 * @typedef {string & { readonly sends?: T }} Handler
 */

// The page allows HTML only through a policy of this name. It is used for markdown that the server has rendered, and
// nothing else: the server lets no HTML of an agent through.
/** @type {HtmlPolicy} */
const rules = { createHTML: (html) => html };
const policy = window.trustedTypes ? window.trustedTypes.createPolicy("fastagency", rules) : rules;

/**
 * A new element. A child that is nothing or an empty text is left out.
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {string} [className]
 * @param {...Child} children
 */
export function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  for (const child of children) if (child) made.append(child);
  return made;
}

/** @param {string} name one of icons.css */
export function icon(name) {
  const made = element("span", "icon");
  made.style.setProperty("--shape", `var(--fa-icon-${name})`);
  made.setAttribute("aria-hidden", "true");
  return made;
}

/**
 * A button that does nothing but `action`.
 *
 * @param {string} className
 * @param {() => unknown} action
 * @param {...Child} children
 */
export function button(className, action, ...children) {
  const made = element("button", className, ...children);
  made.type = "button";
  made.addEventListener("click", () => void action());
  return made;
}

/**
 * A button that shows an icon; its label is its tooltip, and there for those who do not see the icon.
 *
 * @param {string} name
 * @param {string} label
 * @param {() => unknown} action
 */
export function iconButton(name, label, action) {
  const made = button("icon-button", action, icon(name));
  made.title = label;
  made.setAttribute("aria-label", label);
  return made;
}

/**
 * An element with HTML that the server has rendered.
 *
 * @param {string} className
 * @param {string} html
 */
export function trusted(className, html) {
  const made = element("div", className);
  made.innerHTML = policy.createHTML(html);
  return made;
}

/**
 * Give a component its shadow tree; it stays hidden until its own style sheet is there, and is told so by `styled`.
 *
 * @param {HTMLElement} host
 * @param {string} style the name of its sheet below style/
 * @param {...Child} children
 */
export function shadow(host, style, ...children) {
  const root = host.attachShadow({ mode: "open" });
  const sheet = element("link");
  sheet.rel = "stylesheet";
  sheet.href = new URL(`style/${style}.css`, import.meta.url).href;
  const body = element("div", "root", ...children);
  body.style.visibility = "hidden";
  sheet.addEventListener("load", () => {
    body.style.visibility = "";
    host.dispatchEvent(new CustomEvent("styled"));
  });
  root.append(sheet, body);
  return root;
}

/**
 * Tell Mesop.
 *
 * @template T
 * @param {HTMLElement} host
 * @param {Handler<T> | undefined} handler what Mesop set as the event's property
 * @param {NoInfer<T>} value
 */
export function tell(host, handler, value) {
  if (handler) host.dispatchEvent(new MesopEvent(handler, value));
}

/**
 * How long to wait after so many failures, in milliseconds: doubling up to a limit, never the same for two browsers.
 *
 * @param {number} failures
 */
export function backoff(failures) {
  return Math.min(MAX_BACKOFF_MS, 500 * 2 ** failures) * (0.5 + Math.random());
}
