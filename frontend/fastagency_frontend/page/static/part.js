// @ts-check
// What the widgets are made of: who speaks, bubbles, cards that unfold.

import { element, icon, iconButton, trusted } from "./dom.js";

/** @import { RowHead, StreamLine } from "./wire.d.ts" */
/** @import { Child } from "./dom.js" */

/**
 * A message with a bubble, and beside it who speaks.
 *
 * @param {HTMLElement} face
 * @param {HTMLElement} head
 * @param {HTMLElement} bubble
 */
export function message(face, head, bubble) {
  bubble.dir = "auto";
  return element("article", "message", face, element("div", "column", head, bubble));
}

/**
 * A message that is still being written; `text_message` of the same sender takes its place.
 *
 * @param {Pick<StreamLine, "sender" | "html">} stream
 */
export function growing(stream) {
  const content = markdown(stream.html);
  const head = element("header", "who", speaker(stream.sender));
  const made = message(avatar(stream.sender), head, element("div", "bubble growing", content));
  made.dataset.type = "text_chunk";
  made.dataset.sender = stream.sender || "";
  return { made, content };
}

/**
 * Who says it to whom, and when.
 *
 * @param {RowHead} row
 */
export function heading(row) {
  const recipient = row.recipient ? element("span", "recipient", `to ${row.recipient}`) : null;
  return element("header", "who", speaker(row.sender), recipient, stamp(row));
}

/** @param {string | null} sender */
function speaker(sender) {
  return element("b", "", sender || "Workflow");
}

/** @param {RowHead} row */
export function stamp(row) {
  if (!row.at) return null;
  const at = new Date(row.at);
  const made = element("time", "", at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
  made.dateTime = row.at;
  made.title = at.toLocaleString();
  return made;
}

/**
 * @param {string | null} sender
 * @param {string} [shape] an icon in the place of the sender's letter
 */
export function avatar(sender, shape) {
  const made = element("div", "avatar", shape ? icon(shape) : (sender || "W").trim().charAt(0).toUpperCase());
  made.setAttribute("aria-hidden", "true");
  if (sender) made.style.setProperty("--hue", String(hueOf(sender)));
  return made;
}

/**
 * The same colour for the same name, everywhere.
 *
 * @param {string} name
 */
function hueOf(name) {
  let hash = 7;
  for (const letter of name) hash = (hash * 31 + (letter.codePointAt(0) ?? 0)) % 997;
  return Math.round((hash * 137.5) % 360);
}

/**
 * A card that is one line.
 *
 * @param {string} kind
 * @param {string} shape
 * @param {string} heading
 * @param {...Child} rest
 */
export function line(kind, shape, heading, ...rest) {
  return element("div", `card plain ${kind}`, icon(shape), title(heading), ...rest);
}

/**
 * A card that unfolds.
 *
 * @param {string} kind
 * @param {string} shape
 * @param {string} heading
 * @param {string | null} note
 * @param {...Child} sections
 */
export function folding(kind, shape, heading, note, ...sections) {
  const about = element("span", "card-note", note);
  const summary = element("summary", "card-head", icon(shape), title(heading), about, icon("chevron"));
  return element("details", `card ${kind}`, summary, ...sections);
}

/**
 * @param {string} label
 * @param {string} text
 */
export function section(label, text) {
  return element("div", "section", label ? element("h4", "", label) : null, code(element("pre", "", text)));
}

/** @param {string} text */
export function title(text) {
  return element("span", "card-title", text);
}

/**
 * What the server has rendered from markdown; each block of code can be copied.
 *
 * @param {string} html
 */
export function markdown(html) {
  const made = trusted("markdown", html);
  for (const block of made.querySelectorAll("pre")) {
    const place = document.createComment("");
    block.replaceWith(place);
    place.replaceWith(code(block));
  }
  return made;
}

/** @param {HTMLPreElement} block */
function code(block) {
  block.tabIndex = 0; // What is wider than its place is scrolled by keys as well.
  return element("figure", "code", block, copyButton("Copy", block.textContent ?? ""));
}

const COPIED_MS = 1500;

/**
 * @param {string} label
 * @param {string} text
 */
export function copyButton(label, text) {
  const made = iconButton("copy", label, async () => {
    const copied = (await clipboard(text)) || copyBySelection(text);
    made.replaceChildren(icon(copied ? "check" : "close"));
    made.title = copied ? "Copied" : "This browser did not let the page copy";
    setTimeout(() => {
      made.replaceChildren(icon("copy"));
      made.title = label;
    }, COPIED_MS);
  });
  made.classList.add("copy");
  return made;
}

/** @param {string} text */
async function clipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false; // Not there on plain http, or not allowed.
  }
}

/** @param {string} text */
function copyBySelection(text) {
  const field = element("textarea");
  field.value = text;
  field.style.cssText = "position:fixed;opacity:0";
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  return copied;
}
