/** Returns an SVG with a white ground. @param {number} fontSize px @param {string} content */
export function svg(width, height, fontSize, content) {
  const size = `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`;
  const font = `font-family="system-ui, sans-serif" font-size="${fontSize}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} ${font}>\n<rect width="100%" height="100%" fill="#fff"/>\n${content}\n</svg>\n`;
}

const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Returns the text as it may stand in an SVG. */
export function escaped(text) {
  return text.replace(/[&<>"]/g, (character) => ENTITIES[character]);
}
