"""Prints how many GFLOP/s numpy's matrix product reaches, or fails if it computes wrong results."""
import time

import numpy as np

SIZE = 512

rng = np.random.default_rng(0)
a, b = rng.random((SIZE, SIZE), dtype=np.float32), rng.random((SIZE, SIZE), dtype=np.float32)
c = np.matmul(a, b)
assert np.allclose(c, a.astype(np.float64) @ b.astype(np.float64), rtol=1e-4)
best = float("inf")
end = time.perf_counter() + 0.25
while time.perf_counter() < end:
    start = time.perf_counter()
    np.matmul(a, b, out=c)
    best = min(best, time.perf_counter() - start)
print(2 * SIZE**3 / best / 1e9)
