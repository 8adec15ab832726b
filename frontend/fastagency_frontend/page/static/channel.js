// @ts-check
// Watches Mesop's own requests. If one fails, Mesop waits for its answer for ever and queues every later click; the
// only way on is to load the page again, which `pulse.js` does once the server is back. Drafts survive that.

import { isSignedOut, reportDeadChannel } from "./connection.js";

const UI_ROUTE = "/__ui__";
const END_OF_ANSWER = "<stream_end>";
const PATIENCE_MS = 60000;

const open = XMLHttpRequest.prototype.open;

/**
 * @this {XMLHttpRequest}
 * @param {string} method
 * @param {string | URL} url
 * @param {any[]} rest
 */
XMLHttpRequest.prototype.open = function (method, url, ...rest) {
  if (String(url).endsWith(UI_ROUTE)) watch(this);
  return Reflect.apply(open, this, [method, url, ...rest]);
};

/** @param {XMLHttpRequest} request */
function watch(request) {
  const timer = setTimeout(reportDeadChannel, PATIENCE_MS);
  // Mesop aborts a request itself once it has read the end of the answer: an abort is no failure.
  request.addEventListener("loadend", () => clearTimeout(timer));
  request.addEventListener("error", () => fail("This page's server cannot be reached. Try again in a moment."));
  request.addEventListener("load", () => {
    if (request.status !== 200 || !request.responseText.includes(END_OF_ANSWER)) fail(sentenceOf(request));
  });
  // Mesop drops an answer that is no success as soon as its text begins to come: this is the last chance to read it.
  request.addEventListener("readystatechange", () => {
    if (request.readyState === XMLHttpRequest.LOADING && request.status !== 200) fail(sentenceOf(request));
  });
}

/**
 * What our server says when it refuses a request is for the person; what others say is not.
 *
 * @param {XMLHttpRequest} request
 */
function sentenceOf(request) {
  if (
    (isSignedOut(request) || request.status === 403) &&
    request.getResponseHeader("Content-Type")?.startsWith("text/plain")
  )
    return request.responseText;
  return `This page's server could not show it (HTTP status ${request.status}). Try again in a moment.`;
}

/**
 * Tell the components; where there are none yet, the sentence takes the place of the page.
 *
 * @param {string} sentence
 */
function fail(sentence) {
  reportDeadChannel();
  window.fastagencyGuard.say(sentence);
}
