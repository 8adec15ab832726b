// Watches Mesop's own requests. If one fails, Mesop waits for its answer for ever and queues every later click; the
// only way on is to load the page again, which `pulse.js` does once the server is back. Drafts survive that.

import { reportDeadChannel } from "./connection.js";

const UI_ROUTE = "/__ui__";
const END_OF_ANSWER = "<stream_end>";
const PATIENCE_MS = 60000;

const open = XMLHttpRequest.prototype.open;

XMLHttpRequest.prototype.open = function (method, url, ...rest) {
  if (String(url).endsWith(UI_ROUTE)) watch(this);
  return open.call(this, method, url, ...rest);
};

function watch(request) {
  const timer = setTimeout(reportDeadChannel, PATIENCE_MS);
  // Mesop aborts a request itself once it has read the end of the answer: an abort is no failure.
  request.addEventListener("loadend", () => clearTimeout(timer));
  request.addEventListener("error", reportDeadChannel);
  request.addEventListener("load", () => {
    if (request.status !== 200 || !request.responseText.includes(END_OF_ANSWER)) reportDeadChannel();
  });
}
