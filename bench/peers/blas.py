"""Matrix products of numpy or torch (the argument), on one thread."""
import sys

import numpy as np

from serve import serve

SIZES = (256, 512, 1024, 2048)


def operands(size):
    rng = np.random.default_rng(0)
    return [rng.random((size, size), dtype=np.float32) for _ in range(3)]


def checked(work, a, b, c):
    """The work, if it computes what it should: some OpenBLAS kernels do not on some processors."""
    work()
    if not np.allclose(c[:8], a[:8].astype(np.float64) @ b.astype(np.float64), rtol=1e-4):
        raise ArithmeticError("the product is wrong")
    return work


def numpy_row(size):
    a, b, c = operands(size)
    return checked(lambda: np.matmul(a, b, out=c), a, b, c)


def torch_row(size):
    import torch

    a, b, c = operands(size)
    x, y, z = (torch.from_numpy(each) for each in (a, b, c))
    return checked(lambda: torch.mm(x, y, out=z), a, b, c)


def main():
    if sys.argv[1] == "numpy":
        make, version = numpy_row, f"numpy {np.__version__}"
    else:
        import torch

        torch.set_num_threads(1)
        make, version = torch_row, f"torch.mm {torch.__version__}"
    # The number of threads was settled by the environment before the libraries were loaded.
    serve(version, {f"sgemm-{size}": lambda size=size: make(size) for size in SIZES}, lambda threads: None)


main()
