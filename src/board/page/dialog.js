/**
 * Shows a modal dialog, and removes it at its end. It ends by `close()` or by the Escape key; the focus returns to where it was,
 * or goes to the title of the page if that element has vanished.
 *
 * @param ended called with the result that `close` got, and without one after Escape
 * @param leave called by the Escape key in place of `close()`
 * @returns `close(result)`
 */
export function openDialog(dialog, ended = () => {}, leave) {
  function close(result) {
    if (!dialog.isConnected) return;
    dialog.close();
    dialog.remove();
    if (document.activeElement === document.body) document.querySelector('main h1').focus();
    ended(result);
  }
  // The event `close` is a task of its own, and the next key press may come before it; `cancel` comes with the press of Escape.
  dialog.addEventListener('cancel', (event) => {
    if (event.target !== dialog) return;
    if (!leave) return close();
    event.preventDefault();
    leave();
  });
  dialog.addEventListener('close', () => close());
  document.body.append(dialog);
  dialog.showModal();
  return close;
}
