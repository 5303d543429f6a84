import type { HostRandom } from '../core/threefry.js';

/**
 * A `rows` x `columns` matrix, row-major, whose shorter side is an orthonormal set, drawn evenly from all such matrices: the
 * Q of a normal matrix's QR decomposition with a positive diagonal in R (Mezzadri 2007, "How to generate random matrices
 * from the classical compact groups"). Computed by Gram-Schmidt, twice per vector, which is orthogonal to machine precision
 * (Giraud, Langou, Rozložník 2005).
 */
export function orthogonalMatrix(rows: number, columns: number, random: HostRandom): Float64Array {
  const [count, length] = rows <= columns ? [rows, columns] : [columns, rows];
  const vectors: Float64Array[] = [];
  for (let i = 0; i < count; i++) {
    const vector = Float64Array.from({ length }, () => random.normal());
    for (let pass = 0; pass < 2; pass++) for (const earlier of vectors) removePart(vector, earlier);
    const size = Math.sqrt(product(vector, vector));
    vectors.push(vector.map((value) => value / size));
  }
  const matrix = new Float64Array(rows * columns);
  vectors.forEach((vector, i) => {
    vector.forEach((value, j) => {
      matrix[rows <= columns ? i * columns + j : j * columns + i] = value;
    });
  });
  return matrix;
}

/** Takes off `vector` what points along `direction`. */
function removePart(vector: Float64Array, direction: Float64Array): void {
  const along = product(vector, direction);
  for (let i = 0; i < vector.length; i++) vector[i] = (vector[i] ?? 0) - along * (direction[i] ?? 0);
}

function product(a: Float64Array, b: Float64Array): number {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += (a[i] ?? 0) * (b[i] ?? 0);
  return total;
}
