"""The rows of the benchmark in PyTorch."""
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from serve import serve

BATCHES = 8


def images(count, shape, classes=10):
    """Batches of noise with labels, in host memory."""
    rng = np.random.default_rng(0)
    return [
        (rng.random((count, *shape), dtype=np.float32), rng.integers(0, classes, count))
        for _ in range(BATCHES)
    ]


def training(model, optimizer, batches, loss_of=F.cross_entropy):
    """A step from a batch in host memory to the loss as a number."""
    tensors = [(torch.from_numpy(x), torch.from_numpy(y)) for x, y in batches]
    state = {"next": 0}

    def step():
        x, y = tensors[state["next"] % BATCHES]
        state["next"] += 1
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(model(x), y)
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


def conv_bn():
    def block(channels, stride):
        return (nn.Conv2d(channels, 64, 3, stride, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU())

    model = nn.Sequential(*block(3, 1), *block(64, 1), *block(64, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    return training(model, optimizer, images(32, (3, 32, 32)), lambda output, _: output.square().mean())


def infer_cnn():
    model = mnist_cnn_model().eval()
    picture = torch.rand(1, 1, 28, 28)

    def run():
        with torch.inference_mode():
            return model(picture).tolist()

    return run


def elementwise():
    x = torch.rand(4_000_000)
    return lambda: torch.tanh(2 * x + 1) * torch.sigmoid(x)


def softmax():
    x = torch.rand(4096, 1024)
    return lambda: torch.softmax(x, dim=1)


ROWS = {
    "mnist-mlp": mnist_mlp,
    "mnist-cnn": mnist_cnn,
    "lenet-cifar": lenet_cifar,
    "conv-bn": conv_bn,
    "elementwise": elementwise,
    "softmax": softmax,
    "infer-cnn": infer_cnn,
}


def main():
    torch.manual_seed(0)
    serve(torch.__version__, ROWS, torch.set_num_threads)


main()
