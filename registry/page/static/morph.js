/**
 * Makes an element like another one and keeps what is the reader's: the focus, open menus, the place in the page.
 *
 * Children with a `data-key` are the same ones wherever they stand; others are matched in order, by their names.
 */

/** @param {Element} old In the page. @param {Element} fresh What it is to be like; it is used up. */
export function morph(old, fresh) {
  const focused = document.activeElement;
  makeLike(old, fresh);
  // Moving an element takes its focus away.
  if (focused !== document.activeElement && focused?.isConnected) focused.focus({ preventScroll: true });
}

function makeLike(old, fresh) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    // Whether a menu is open is the reader's business.
    if (!fresh.hasAttribute(name) && !(name === "open" && old.localName === "details")) old.removeAttribute(name);
  }
  makeChildrenLike(old, fresh);
}

function makeChildrenLike(old, fresh) {
  const keyed = new Map();
  for (const child of old.children) {
    if (child.dataset.key !== undefined) keyed.set(child.dataset.key, child);
  }
  let place = old.firstChild; // the first one that has not been matched yet
  for (const next of [...fresh.childNodes]) {
    const match = keyOf(next) === undefined ? following(place, next) : keyed.get(keyOf(next));
    if (!match) {
      old.insertBefore(next, place);
    } else if (keyOf(next) === undefined) {
      while (place !== match) place = leave(place);
      place = match.nextSibling;
      makeLike(match, next);
    } else {
      keyed.delete(keyOf(next));
      if (match === place) place = match.nextSibling;
      else old.insertBefore(match, place);
      makeLike(match, next);
    }
  }
  while (place) place = leave(place);
}

/** The first one from `place` on that can become `next`, with nothing keyed in between. */
function following(place, next) {
  let each = place;
  while (each && keyOf(each) === undefined) {
    if (each.nodeName === next.nodeName && (each.id ?? "") === (next.id ?? "")) return each;
    each = each.nextSibling;
  }
  return null;
}

function leave(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}

function keyOf(node) {
  return node.dataset?.key;
}
