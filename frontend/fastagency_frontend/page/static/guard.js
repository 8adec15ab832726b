// @ts-check
// Stands in the page itself, before any other script: if the page cannot be shown, it says so in a sentence, where there
// would be nothing but a blank page. `channel.js` calls it too, with what the server said.

(() => {
  const STYLE =
    "position:fixed;inset:0;z-index:1000;padding:20vh max(1.5rem,calc(50vw - 17rem)) 0;" +
    "background:Canvas;color:CanvasText;font:1rem/1.5 system-ui,sans-serif";

  /** @param {string} sentence */
  function say(sentence) {
    if (document.querySelector("fa-pulse, .fa-guard")) return; // the page is there, and has a banner of its own
    const again = document.createElement("button");
    again.type = "button";
    again.textContent = "Try again";
    again.style.font = "inherit";
    again.addEventListener("click", () => window.location.reload());
    const text = document.createElement("p");
    text.textContent = sentence;
    const box = document.createElement("div");
    box.className = "fa-guard";
    box.setAttribute("role", "alert");
    box.style.cssText = STYLE;
    box.append(text, again);
    document.body.append(box);
  }

  window.addEventListener(
    "error",
    (event) => {
      if (event.target instanceof HTMLScriptElement)
        say(
          "A part of this page could not be loaded. Try again. If it fails again, tell whoever runs the page: a proxy " +
            "in front of it does not pass on every path, or FASTAGENCY_FRONTEND_PREFIX is missing.",
        );
    },
    true,
  );

  window.fastagencyGuard = { say };
})();
