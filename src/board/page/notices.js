import { h } from './dom.js';

const place = document.querySelector('#notices');

/** Shows a short notice, which screen readers read out. */
export function tell(text, tone = 'good') {
  const notice = h('p', { class: 'notice', 'data-tone': tone, text });
  place.append(notice);
  setTimeout(() => notice.remove(), tone === 'bad' ? 12_000 : 6_000);
}

/** Runs work of a button, which does nothing else meanwhile and keeps the focus. Tells its error. */
export async function during(button, work) {
  if (button.getAttribute('aria-busy') === 'true') return undefined;
  button.setAttribute('aria-busy', 'true');
  try {
    return await work();
  } catch (error) {
    tell(error.message, 'bad');
    return undefined;
  } finally {
    button.removeAttribute('aria-busy');
  }
}
