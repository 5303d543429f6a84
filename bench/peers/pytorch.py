"""The rows of the benchmark in PyTorch, run on request: one JSON object a line in, one a line out (see bench/peer.ts)."""
import json
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

BATCHES = 8


def images(count, shape, classes=10):
    """Batches of noise with labels, in host memory."""
    rng = np.random.default_rng(0)
    return [
        (rng.random((count, *shape), dtype=np.float32), rng.integers(0, classes, count))
        for _ in range(BATCHES)
    ]


def training(model, optimizer, batches):
    """A step from a batch in host memory to the loss as a number."""
    tensors = [(torch.from_numpy(x), torch.from_numpy(y)) for x, y in batches]
    state = {"next": 0}

    def step():
        x, y = tensors[state["next"] % BATCHES]
        state["next"] += 1
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def mnist_cnn_model():
    return nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(1600, 10),
    )


def mnist_mlp():
    model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))
    return training(model, torch.optim.Adam(model.parameters(), lr=1e-3), images(64, (784,)))


def mnist_cnn():
    model = mnist_cnn_model()
    return training(model, torch.optim.Adam(model.parameters(), lr=1e-3), images(64, (1, 28, 28)))


def lenet_cifar():
    model = nn.Sequential(
        nn.Conv2d(3, 6, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    return training(model, optimizer, images(128, (3, 32, 32)))


def infer_cnn():
    model = mnist_cnn_model().eval()
    picture = torch.rand(1, 1, 28, 28)

    def run():
        with torch.inference_mode():
            return model(picture).tolist()

    return run


def sgemm(size):
    a, b, c = torch.rand(size, size), torch.rand(size, size), torch.empty(size, size)
    return lambda: torch.mm(a, b, out=c)


def elementwise():
    x = torch.rand(4_000_000)
    return lambda: torch.tanh(2 * x + 1) * torch.sigmoid(x)


def softmax():
    x = torch.rand(4096, 1024)
    return lambda: torch.softmax(x, dim=1)


ROWS = {
    "sgemm-256": lambda: sgemm(256),
    "sgemm-512": lambda: sgemm(512),
    "sgemm-1024": lambda: sgemm(1024),
    "mnist-mlp": mnist_mlp,
    "mnist-cnn": mnist_cnn,
    "lenet-cifar": lenet_cifar,
    "elementwise": elementwise,
    "softmax": softmax,
    "infer-cnn": infer_cnn,
}


def burst(work, milliseconds):
    """The times of calls one after the other, as many as fit, at least one."""
    times = []
    end = time.perf_counter() + milliseconds / 1000
    while True:
        start = time.perf_counter()
        work()
        now = time.perf_counter()
        times.append((now - start) * 1000)
        if now >= end:
            return times


def answer(request, prepared):
    name = request["row"]
    if request["ask"] == "prepare":
        if name not in ROWS:
            return {"cannot": "not written for this library"}
        torch.manual_seed(0)
        prepared.clear()
        prepared[name] = ROWS[name]()
        return {"ok": True}
    torch.set_num_threads(request["threads"])
    return {"times": burst(prepared[name], request["milliseconds"])}


def main():
    print(json.dumps({"version": torch.__version__}), flush=True)
    prepared = {}
    for line in sys.stdin:
        try:
            reply = answer(json.loads(line), prepared)
        except Exception as error:  # The benchmark goes on without this row.
            reply = {"cannot": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), flush=True)


main()
