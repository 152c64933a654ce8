/** Makes elements. All values are set as text, so names and payloads from elsewhere are shown and never run. */

const SVG = 'http://www.w3.org/2000/svg';

/**
 * Makes an element. Properties are attributes, except `on` (listeners by event) and `text`. A child that is null or false is
 * left out.
 */
export function h(tag, { on = {}, text, ...attributes } = {}, ...children) {
  return fill(document.createElement(tag), { on, text, ...attributes }, children);
}

/** Makes an element of an SVG drawing. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, { on = {}, text, ...attributes }, children) {
  for (const [name, value] of Object.entries(attributes)) attribute(element, name, value);
  for (const [event, listener] of Object.entries(on)) element.addEventListener(event, listener);
  if (text !== undefined) element.textContent = text;
  element.append(
    ...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false),
  );
  return element;
}

/** Sets an attribute; undefined and false remove it. */
export function attribute(element, name, value) {
  if (value === undefined || value === false || value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value))
    element.setAttribute(name, value === true ? '' : String(value));
}

/** Sets the text of an element, if it differs. */
export function say(element, text) {
  const next = text ?? '';
  if (element.textContent !== next) element.textContent = next;
}

/** Shows or hides an element. */
export function show(element, visible) {
  if (!visible) leave(element);
  element.hidden = !visible;
}

/** Switches a button on or off. */
export function enable(button, enabled) {
  if (!enabled) leave(button);
  button.disabled = !enabled;
}

/**
 * Moves the focus from an element that is about to vanish to the heading of its section: a reader stays where it was, and a
 * key press that was meant for the element does nothing.
 */
function leave(element) {
  if (!element.contains(document.activeElement)) return;
  const section = element.closest('dialog, section, .headline') ?? document.querySelector('main');
  // A heading that vanishes with the element cannot have the focus.
  const headings = [...section.querySelectorAll('h1, h2'), ...document.querySelectorAll('main h1')];
  const heading = headings.find((each) => !element.contains(each));
  if (!heading) return;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
}

/**
 * Makes the children of `parent` those of `items`, in their order. An element is made once for each key and updated
 * afterwards. The focus stays: an element loses it when it is moved, so the others are moved around the focused one.
 *
 * @param make returns `{ element, update }`
 */
export function keyed(parent, items, keyOf, make) {
  const known = (parent.known ??= new Map());
  const wanted = new Map(items.map((item) => [keyOf(item), item]));
  for (const [key, { element }] of known) {
    if (wanted.has(key)) continue;
    leave(element);
    element.remove();
    known.delete(key);
  }
  let place = parent.firstElementChild;
  for (const [key, item] of wanted) {
    let entry = known.get(key);
    if (!entry) known.set(key, (entry = make(item)));
    entry.update?.(item);
    const { element } = entry;
    while (element !== place && element.contains(document.activeElement)) {
      const later = place;
      place = later.nextElementSibling;
      parent.append(later);
    }
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
  }
}
