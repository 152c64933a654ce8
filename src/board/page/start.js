/**
 * Loads the board from its folder. The address of the page may or may not end with a slash, also behind a proxy that changes the
 * path, so the page names its first files by a query alone.
 */
const folder = location.pathname.replace(/\/*$/, '/');
await import(`${folder}board.js`);
