// Made-up batches, as bench/rows/synthetic.ts makes them.

/** @param {number} length */
export const noise = (length) => new Float32Array(length).map(() => Math.random());

/**
 * Several batches in host memory: pictures, and labels both as numbers and as rows of zeros with a one.
 *
 * @param {number} size
 * @param {number} pixels
 */
export const batches = (size, pixels) =>
  Array.from({ length: 8 }, () => {
    const labels = Int32Array.from({ length: size }, () => Math.floor(Math.random() * 10));
    const oneHot = new Float32Array(size * 10);
    labels.forEach((label, i) => (oneHot[10 * i + label] = 1));
    return { x: noise(size * pixels), labels, oneHot };
  });
