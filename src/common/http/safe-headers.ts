/**
 * The headers of every response. The page loads nothing from elsewhere, runs no inline script, and cannot be framed
 * (https://www.w3.org/TR/CSP3/).
 */
export const SAFE_HEADERS: Readonly<Record<string, string>> = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; " +
    "form-action 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
  // Compression would hold events back.
  'Cache-Control': 'no-store, no-transform',
};
