// The pixels of a PNG (base64) as numbers of a palette of at most 256 colors: its most frequent ones, and for every
// other color the nearest of them. Runs in a page of its own.
async (picture) => {
  const bytes = Uint8Array.from(atob(picture), (each) => each.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes])), { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext("2d");
  context.drawImage(bitmap, 0, 0);
  const pixels = new Uint32Array(context.getImageData(0, 0, width, height).data.buffer), counts = new Map();
  for (const color of pixels) counts.set(color, (counts.get(color) ?? 0) + 1);
  const rgb = (color) => [color & 255, (color >> 8) & 255, (color >> 16) & 255];
  const palette = [...counts].sort(([, one], [, other]) => other - one).slice(0, 256).map(([color]) => rgb(color));
  const distance = ([r, g, b], [x, y, z]) => (r - x) ** 2 + (g - y) ** 2 + (b - z) ** 2;
  const nearest = (color) => palette.reduce((best, each, at) => (distance(each, color) < distance(palette[best], color) ? at : best), 0);
  const known = new Map([...counts.keys()].map((color) => [color, nearest(rgb(color))]));
  const text = (numbers) => btoa(Array.from(numbers, (each) => String.fromCharCode(each)).join(""));
  return { width, height, palette: text(palette.flat()), pixels: text(Array.from(pixels, (color) => known.get(color))) };
}
