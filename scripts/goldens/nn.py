"""Writes test/goldens/nn.json: what PyTorch's layers and losses make of small inputs, with gradients, for test/nn/goldens.test.ts.

Each case has a name, inputs, the parameters by name, the output, the gradients of sum(output * weights) for inputs and
parameters, where weights[i] = ((7 i) mod 11 - 5) / 4, and the running statistics afterwards. Everything is computed in
float64 and written with 7 digits. Run with PyTorch 1.13:

    python3 scripts/goldens/nn.py
"""

import json
import pathlib

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

rng = np.random.RandomState(21)
cases = []


def floats(*shape, low=-2.0, high=2.0):
    return np.round(rng.uniform(low, high, shape), 2)


def ints(*shape, low=0, high=5):
    return rng.randint(low, high, shape)


def distinct(*shape):
    count = int(np.prod(shape))
    return (rng.permutation(count) - count // 2).reshape(shape) / 4.0


def probabilities(*shape):
    p = rng.uniform(0.1, 1.0, shape)
    return np.round(p / p.sum(1, keepdims=True), 3)


def signs(*shape):
    return rng.randint(0, 2, shape) * 2.0 - 1


def weights(output):
    index = torch.arange(output.numel(), dtype=torch.float64)
    return (((index * 7) % 11 - 5) / 4).reshape(output.shape)


def number(value):
    return int(value) if float(value).is_integer() else float(f"{value:.7g}")


def flat(tensor):
    return [number(v) for v in tensor.detach().reshape(-1).tolist()]


def described(tensor):
    dtype = "int32" if tensor.dtype == torch.int64 else "float32"
    return {"shape": list(tensor.shape), "dtype": dtype, "data": flat(tensor)}


def camel(name):
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)


def case(name, function, *inputs, module=None):
    tensors = []
    for value in inputs:
        array = np.asarray(value)
        if array.dtype.kind == "i":
            tensors.append(torch.tensor(array))
        else:
            tensors.append(torch.tensor(array, dtype=torch.float64, requires_grad=True))
    parameters = {} if module is None else dict(module.named_parameters())
    given = {camel(k): {**described(p), "data": flat(p)} for k, p in parameters.items()}
    output = function(*tensors)
    leaves = [t for t in tensors if t.requires_grad] + list(parameters.values())
    found = torch.autograd.grad((output * weights(output)).sum(), leaves, allow_unused=True)
    of = {id(leaf): grad for leaf, grad in zip(leaves, found)}
    buffers = {} if module is None else dict(module.named_buffers())
    cases.append(
        {
            "name": name,
            "inputs": [described(t) for t in tensors],
            "parameters": given,
            "shape": list(output.shape),
            "output": flat(output),
            "gradients": [None if of.get(id(t)) is None else flat(of[id(t)]) for t in tensors],
            "parameterGradients": {camel(k): flat(of[id(p)]) for k, p in parameters.items()},
            "statistics": {
                camel(k): flat(b) for k, b in buffers.items() if k.startswith("running")
            },
        }
    )


def layer(name, module, *inputs, mode="train", warm=None):
    module = module.double()
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(torch.tensor(floats(*p.shape)))
        if warm is not None:
            module.running_mean.copy_(torch.tensor(warm[0]))
            module.running_var.copy_(torch.tensor(warm[1]))
    module.train(mode == "train")
    case(name, module, *inputs, module=module)


layer("Linear", nn.Linear(4, 3), floats(2, 4))
layer("Linear, no bias, rank 3", nn.Linear(4, 3, bias=False), floats(2, 5, 4))
layer("Linear, a vector", nn.Linear(4, 3), floats(4))
layer("Conv1d", nn.Conv1d(2, 3, 3, stride=2, padding=1), floats(2, 2, 7))
layer("Conv2d", nn.Conv2d(2, 3, 3), floats(2, 2, 5, 4))
layer("Conv2d, stride, padding, dilation", nn.Conv2d(2, 4, (3, 2), stride=(2, 1), padding=(1, 2), dilation=(2, 1)), floats(1, 2, 7, 5))
layer("Conv2d, groups", nn.Conv2d(4, 4, 3, groups=2, padding=1, bias=False), floats(1, 4, 4, 4))
layer("Conv2d, same", nn.Conv2d(1, 2, 3, padding="same"), floats(1, 1, 4, 5))
layer("Conv3d", nn.Conv3d(1, 2, 2), floats(1, 1, 3, 3, 3))
layer("ConvTranspose1d", nn.ConvTranspose1d(2, 3, 3, stride=2), floats(1, 2, 4))
layer("ConvTranspose2d", nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1, output_padding=1), floats(1, 2, 3, 3))
layer("ConvTranspose2d, groups", nn.ConvTranspose2d(4, 2, 2, groups=2), floats(1, 4, 3, 3))
layer("ConvTranspose3d", nn.ConvTranspose3d(1, 2, 2), floats(1, 1, 2, 2, 2))
layer("MaxPool1d", nn.MaxPool1d(3, stride=2), distinct(1, 2, 8))
layer("MaxPool2d", nn.MaxPool2d(2), distinct(2, 2, 4, 5))
layer("MaxPool2d, overlapping, padded", nn.MaxPool2d(3, stride=2, padding=1), distinct(1, 2, 5, 5))
layer("AvgPool1d", nn.AvgPool1d(2), floats(1, 2, 6))
layer("AvgPool2d", nn.AvgPool2d(3, stride=2, padding=1), floats(1, 2, 5, 5))
layer("AdaptiveAvgPool1d", nn.AdaptiveAvgPool1d(3), floats(1, 2, 7))
layer("AdaptiveAvgPool2d", nn.AdaptiveAvgPool2d((3, 2)), floats(1, 2, 5, 4))
case("GlobalAvgPool", lambda x: x.mean((2, 3)), floats(2, 3, 3, 4))
layer("Flatten", nn.Flatten(), floats(2, 3, 2))
layer("BatchNorm1d, training", nn.BatchNorm1d(3), floats(5, 3))
layer("BatchNorm1d, of sequences, training", nn.BatchNorm1d(2), floats(3, 2, 4))
layer("BatchNorm2d, training", nn.BatchNorm2d(2, momentum=0.3), floats(3, 2, 2, 3), warm=([0.5, -1.0], [2.0, 0.5]))
layer("BatchNorm2d, evaluating", nn.BatchNorm2d(2), floats(3, 2, 2, 3), mode="eval", warm=([0.5, -1.0], [2.0, 0.5]))
layer("BatchNorm2d, not affine", nn.BatchNorm2d(2, affine=False), floats(2, 2, 2, 2))
layer("LayerNorm", nn.LayerNorm(5), floats(2, 3, 5))
layer("LayerNorm, two axes, not affine", nn.LayerNorm((3, 4), elementwise_affine=False), floats(2, 3, 4))
layer("Embedding", nn.Embedding(6, 3), ints(2, 4, high=6))
layer("Embedding, padding", nn.Embedding(5, 2, padding_idx=1), np.array([[0, 1, 4], [1, 1, 2]]))

for name, module in {
    "ReLU": nn.ReLU(), "ReLU6": nn.ReLU6(), "LeakyReLU": nn.LeakyReLU(0.2), "ELU": nn.ELU(1.5), "CELU": nn.CELU(0.7),
    "SELU": nn.SELU(), "GELU": nn.GELU(), "SiLU": nn.SiLU(), "Mish": nn.Mish(), "Softplus": nn.Softplus(),
    "Softsign": nn.Softsign(), "Sigmoid": nn.Sigmoid(), "LogSigmoid": nn.LogSigmoid(), "Tanh": nn.Tanh(),
    "HardTanh": nn.Hardtanh(-0.5, 2), "HardSigmoid": nn.Hardsigmoid(), "HardSwish": nn.Hardswish(),
    "HardShrink": nn.Hardshrink(0.7), "SoftShrink": nn.Softshrink(0.7), "Softmax": nn.Softmax(1),
    "LogSoftmax": nn.LogSoftmax(-1),
}.items():
    layer(name, module, floats(3, 4, low=-8, high=8))
layer("GELU, by tanh", nn.GELU(approximate="tanh"), floats(3, 4, low=-4, high=4))
layer("PReLU", nn.PReLU(3), floats(2, 3, 2))

# Losses
classes = torch.tensor([0.2, 1.0, 3.0, 0.5], dtype=torch.float64)
index = np.array([3, 0, 1])
case("mse", F.mse_loss, floats(3, 2), floats(3, 2))
case("mse, sum", lambda p, t: F.mse_loss(p, t, reduction="sum"), floats(3, 2), floats(3, 2))
case("mse, none", lambda p, t: F.mse_loss(p, t, reduction="none"), floats(3, 2), floats(3, 2))
case("l1", F.l1_loss, floats(3, 2), floats(3, 2))
case("huber", lambda p, t: F.huber_loss(p, t, delta=1.5), floats(3, 4), floats(3, 4))
case("smoothL1", lambda p, t: F.smooth_l1_loss(p, t, beta=0.7), floats(3, 4), floats(3, 4))
case("crossEntropy, indices", lambda x, t: F.cross_entropy(x, t), floats(3, 4), index)
case("crossEntropy, large logits", lambda x, t: F.cross_entropy(x, t), floats(3, 4, low=-300, high=300), index)
case("crossEntropy, sum", lambda x, t: F.cross_entropy(x, t, reduction="sum"), floats(3, 4), index)
case("crossEntropy, none", lambda x, t: F.cross_entropy(x, t, reduction="none"), floats(3, 4), index)
case("crossEntropy, one sample", lambda x, t: F.cross_entropy(x, t), floats(4), np.array(2))
case("crossEntropy, pixels", lambda x, t: F.cross_entropy(x, t), floats(2, 3, 2, 2), ints(2, 2, 2, high=3))
case("crossEntropy, smoothing", lambda x, t: F.cross_entropy(x, t, label_smoothing=0.1), floats(3, 4), index)
case("crossEntropy, weight", lambda x, t: F.cross_entropy(x, t, weight=classes), floats(3, 4), index)
case("crossEntropy, weight, smoothing", lambda x, t: F.cross_entropy(x, t, weight=classes, label_smoothing=0.2), floats(3, 4), index)
case("crossEntropy, ignore", lambda x, t: F.cross_entropy(x, t, ignore_index=0), floats(3, 4), index)
case("crossEntropy, ignore -1, weight, smoothing", lambda x, t: F.cross_entropy(x, t, ignore_index=-1, weight=classes, label_smoothing=0.1), floats(3, 4), np.array([3, -1, 1]))
case("crossEntropy, ignore, none", lambda x, t: F.cross_entropy(x, t, ignore_index=0, reduction="none"), floats(3, 4), index)
case("crossEntropy, probabilities", lambda x, t: F.cross_entropy(x, t), floats(3, 4), probabilities(3, 4))
case("crossEntropy, probabilities, weight, smoothing", lambda x, t: F.cross_entropy(x, t, weight=classes, label_smoothing=0.2), floats(3, 4), probabilities(3, 4))
case("nll", lambda x, t: F.nll_loss(x, t), floats(3, 4, low=-3, high=0), index)
case("nll, weight, ignore", lambda x, t: F.nll_loss(x, t, weight=classes, ignore_index=0), floats(3, 4, low=-3, high=0), index)
case("binaryCrossEntropy", F.binary_cross_entropy, floats(3, 2, low=0.05, high=0.95), floats(3, 2, low=0, high=1))
case("binaryCrossEntropy, certain", lambda p, t: F.binary_cross_entropy(p, t.detach()), np.array([0.5, 0.25, 0.0]), np.array([1.0, 0.0, 1.0]))
case("binaryCrossEntropyWithLogits", F.binary_cross_entropy_with_logits, floats(3, 2, low=-60, high=60), floats(3, 2, low=0, high=1))
case("binaryCrossEntropyWithLogits, weights", lambda x, t, w, p: F.binary_cross_entropy_with_logits(x, t, w.detach(), pos_weight=p.detach()), floats(3, 2), floats(3, 2, low=0, high=1), floats(3, 2, low=0, high=1), floats(2, low=1, high=3))
case("klDivergence", lambda q, t: F.kl_div(q, t, reduction="mean"), floats(3, 4, low=-3, high=0), probabilities(3, 4))
case("klDivergence, batchMean", lambda q, t: F.kl_div(q, t, reduction="batchmean"), floats(3, 4, low=-3, high=0), probabilities(3, 4))
case("klDivergence, logTarget", lambda q, t: F.kl_div(q, t, reduction="sum", log_target=True), floats(3, 4, low=-3, high=0), floats(3, 4, low=-3, high=0))
case("hinge", lambda p, t: F.relu(1 - p * t).mean(), floats(3, 4), signs(3, 4))
case("hingeEmbedding", lambda p, t: F.hinge_embedding_loss(p, t, margin=1.5), floats(3, 4, low=0), signs(3, 4))
case("cosineSimilarity", lambda a, b: F.cosine_similarity(a, b), floats(3, 4), floats(3, 4))
case("cosineEmbedding", lambda a, b, t: F.cosine_embedding_loss(a, b, t.detach(), margin=0.1), floats(4, 3), floats(4, 3), np.array([1.0, -1.0, 1.0, -1.0]))

path = pathlib.Path(__file__).resolve().parents[2] / "test/goldens/nn.json"
path.write_text("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n")
print(f"{len(cases)} cases, {path.stat().st_size} bytes")
