/** Pictures for the docs as WebP, which has a third of the size of PNG. */

/** Encodes a PNG in the browser. @returns the bytes */
export async function webpOf(browser, png) {
  const page = await browser.newPage();
  const encoded = await page.evaluate(async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    canvas.getContext('2d').drawImage(bitmap, 0, 0);
    const blob = await canvas.convertToBlob({ type: 'image/webp', quality: 0.7 });
    return [...new Uint8Array(await blob.arrayBuffer())];
  }, png.toString('base64'));
  await page.close();
  return Buffer.from(encoded);
}
