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
  element.hidden = !visible;
}

/**
 * Makes the children of `parent` those of `items`, in their order. An element is made once for each key and updated
 * afterwards, so focus and selection stay.
 *
 * @param make returns `{ element, update }`
 */
export function keyed(parent, items, keyOf, make) {
  const known = (parent.known ??= new Map());
  const gone = new Set(known.keys());
  let place = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    gone.delete(key);
    let entry = known.get(key);
    if (!entry) known.set(key, (entry = make(item)));
    entry.update?.(item);
    if (entry.element === place) place = place.nextElementSibling;
    else parent.insertBefore(entry.element, place);
  }
  for (const key of gone) {
    known.get(key).element.remove();
    known.delete(key);
  }
}
