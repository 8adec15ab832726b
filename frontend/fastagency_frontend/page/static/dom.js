// Small helpers that every component uses: elements, icons, and the events that Mesop listens to.

export const BASE = window.__MESOP_BASE_URL_PATH__ || "";
export const ROUTES = `${BASE}/__fastagency__`;

// The page allows HTML only through a policy of this name. It is used for markdown that the server has rendered, and
// nothing else: the server lets no HTML of an agent through.
const policy = window.trustedTypes
  ? trustedTypes.createPolicy("fastagency", { createHTML: (html) => html })
  : { createHTML: (html) => html };

export function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

export function icon(name) {
  const made = element("span", "icon");
  made.style.setProperty("--shape", `var(--fa-icon-${name})`);
  made.setAttribute("aria-hidden", "true");
  return made;
}

export function iconButton(name, label, action) {
  const made = element("button", "icon-button", icon(name));
  made.type = "button";
  made.title = label;
  made.setAttribute("aria-label", label);
  made.addEventListener("click", action);
  return made;
}

export function markdown(html, className = "markdown") {
  const made = element("div", className);
  made.innerHTML = policy.createHTML(html);
  return made;
}

/** Give a component its shadow tree; it stays hidden until its own style sheet is there. */
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

/** Tell Mesop; `handlerId` is what it set as the event's property. */
export function tell(host, handlerId, value) {
  if (handlerId) host.dispatchEvent(new MesopEvent(handlerId, value));
}

/** How long to wait after so many failures: doubling, at most 15 s, never the same for two browsers. */
export function backoff(failures) {
  return Math.min(15000, 500 * 2 ** failures) * (0.5 + Math.random());
}
