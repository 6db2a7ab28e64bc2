// Keeps the focus of a person who uses the keyboard: what has it may be hidden, disabled or removed at any time.

const WATCHED = { childList: true, subtree: true, attributeFilter: ["hidden", "disabled", "open", "data-state", "data-liked"] };
// Where the focus goes if the region that had it is gone, too: the first one that can have it.
const OTHERS = ["#stage", "#library", "[data-part=choose]"];

/** When an element loses the focus because it is gone, give the focus to the region that it was in. */
export function keepFocus() {
  let last = null;
  let region = null;
  let isAsked = false;
  document.addEventListener("focusin", ({ target }) => {
    [last, region] = [target, target.closest("[tabindex='-1']")];
  });
  const look = () => {
    isAsked = false;
    // A dialog keeps its own focus, and what is behind it cannot have any.
    if (!last || isUsable(last) || document.querySelector("dialog[open]")) return;
    const { activeElement } = document;
    const isElsewhere = activeElement !== document.body && activeElement !== last;
    const next = [region, ...OTHERS.map((name) => document.querySelector(name))].find((one) => one && isUsable(one));
    last = null;
    if (!isElsewhere) next?.focus({ preventScroll: true });
  };
  new MutationObserver(() => {
    if (isAsked || !last) return;
    isAsked = true;
    // Browsers take the focus away from what is hidden when they paint.
    requestAnimationFrame(() => setTimeout(look));
  }).observe(document.body, WATCHED);
}

/** Whether an element can have the focus. */
function isUsable(element) {
  return element.isConnected && !element.matches(":disabled") && element.checkVisibility({ visibilityProperty: true });
}
