// @ts-check
// On the pages where people sign in, which work without it: the theme of the system, and one attempt at a time.

const dark = window.matchMedia("(prefers-color-scheme: dark)");

function follow() {
  if (document.body.dataset.theme === "system") document.body.classList.toggle("dark-theme", dark.matches);
}

follow();
dark.addEventListener("change", follow);
document.addEventListener("submit", (event) => {
  const button = event.target instanceof HTMLFormElement && event.target.querySelector("button");
  if (button) button.disabled = true;
});
// A page that the browser takes out of its cache, at "back", is not being sent any more.
window.addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("button")) button.disabled = false;
});
