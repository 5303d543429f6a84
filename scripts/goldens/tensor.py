"""Writes test/goldens/tensor.json: what PyTorch makes of small inputs, with gradients, for test/tensor/goldens.test.ts.

Each case has a name, the inputs, the output, and the gradient of sum(output * weights) for each float input, where
weights[i] = ((7 i) mod 11 - 5) / 4. Everything is computed in float64 and written with 7 digits. Run with PyTorch 1.13:

    python3 scripts/goldens/tensor.py
"""

import json
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

rng = np.random.RandomState(20)
cases = []


def floats(*shape, low=-2.0, high=2.0):
    """Random numbers of two digits."""
    return np.round(rng.uniform(low, high, shape), 2)


def positive(*shape):
    return floats(*shape, low=0.1, high=3.0)


def ints(*shape, low=0, high=5):
    return rng.randint(low, high, shape)


def distinct(*shape):
    """Numbers without ties."""
    count = int(np.prod(shape))
    return (rng.permutation(count) - count // 2).reshape(shape) / 4.0


def weights(output):
    index = torch.arange(output.numel(), dtype=torch.float64)
    return (((index * 7) % 11 - 5) / 4).reshape(output.shape)


def number(value):
    if isinstance(value, bool) or float(value).is_integer():
        return int(value)
    return float(f"{value:.7g}")


def flat(tensor):
    return [number(v) for v in tensor.detach().reshape(-1).tolist()]


def case(name, function, *inputs, gradient=True):
    tensors = []
    for value in inputs:
        array = np.asarray(value)
        if array.dtype == bool or array.dtype.kind == "i":
            tensors.append(torch.tensor(array))
        else:
            tensors.append(torch.tensor(array, dtype=torch.float64, requires_grad=gradient))
    output = function(*tensors)
    gradients = None
    if gradient:
        leaves = [t for t in tensors if t.requires_grad]
        found = torch.autograd.grad((output * weights(output)).sum(), leaves, allow_unused=True)
        given = iter(found)
        gradients = []
        for tensor in tensors:
            each = next(given) if tensor.requires_grad else None
            gradients.append(None if each is None else flat(each))
    names = {torch.bool: "bool", torch.int64: "int32", torch.float64: "float32"}
    cases.append(
        {
            "name": name,
            "inputs": [
                {"shape": list(t.shape), "dtype": names[t.dtype], "data": flat(t)} for t in tensors
            ],
            "shape": list(output.shape),
            "output": flat(output),
            **({} if gradients is None else {"gradients": gradients}),
        }
    )


# Element-wise
kinks = np.array([-3.5, -3.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.5, 3.5, 7.0])
wide = np.array([-40.0, -20.0, -6.0, -3.3, -1.0, -0.01, 0.0, 0.01, 0.7, 2.0, 5.0, 30.0, 90.0])
for name in "neg abs sign exp expm1 sin cos tanh sigmoid erf square sinh cosh atan tan".split():
    case(name, getattr(torch, name), floats(9))
for name in "log log2 log10 log1p sqrt rsqrt reciprocal".split():
    case(name, getattr(torch, name), positive(7))
case("exp2", torch.exp2, floats(6))
for name in "floor ceil round trunc".split():
    case(name, getattr(torch, name), kinks)
for name in "asin acos atanh".split():
    case(name, getattr(torch, name), floats(7, low=-0.95, high=0.95))
case("add", torch.add, floats(2, 3), floats(2, 3))
case("add, broadcasting both", torch.add, floats(2, 1, 3), floats(4, 1))
case("sub, a scalar first", torch.sub, floats(), floats(3, 2))
case("mul, broadcasting", torch.mul, floats(3, 1), floats(2))
case("mul by itself", lambda x: x * x, floats(4))
case("div", torch.div, floats(2, 3), positive(3))
case("div of integers", torch.div, ints(5, low=-9, high=9), ints(5, low=1, high=5), gradient=False)
case("floorDiv", lambda a, b: torch.div(a, b, rounding_mode="floor"), floats(8, low=-9, high=9), positive(8), gradient=False)
case("floorDiv of integers", lambda a, b: torch.div(a, b, rounding_mode="floor"),
     [-7, 7, -7, 7, 6, -6, 0], [3, -3, -3, 3, 3, 3, 5], gradient=False)
case("mod", torch.fmod, floats(8, low=-9, high=9), positive(8))
case("remainder", torch.remainder, floats(8, low=-9, high=9), positive(8))
case("remainder of integers", torch.remainder, [-7, 7, -7, 7, 6, -6, 0], [3, -3, -3, 3, 3, 3, 5], gradient=False)
case("pow of tensors", torch.pow, positive(5), floats(5))
for exponent in [2, 3, 0.5, -0.5, -1, 1.7, 5, 0]:
    case(f"pow {exponent}", lambda x, e=exponent: torch.pow(x, e), positive(5))
case("pow 3 of negative numbers", lambda x: torch.pow(x, 3), floats(5))
case("maximum, ties share", torch.maximum, [1.0, 2.0, 3.0], [2.0, 2.0, 1.0])
case("minimum, ties share", torch.minimum, [1.0, 2.0, 3.0], [2.0, 2.0, 1.0])
case("atan2", torch.atan2, floats(6), floats(6))
case("logAddExp", torch.logaddexp, floats(5, low=-50, high=50), floats(5))
case("where", torch.where, rng.rand(2, 3) < 0.5, floats(2, 3), floats(3))
case("clip", lambda x: torch.clamp(x, -1, 1.5), kinks)
case("clip below only", lambda x: torch.clamp(x, min=0.5), kinks)
for name in "eq ne lt le gt ge".split():
    case(name, getattr(torch, name), [1.0, 2.0, 3.0, -1.0], [2.0, 2.0, 1.0, -1.0], gradient=False)
for name in "and or xor".split():
    case(f"logical {name}", getattr(torch, f"logical_{name}"), [0, 0, 3, 3], [0, 2, 0, 2], gradient=False)
case("logicalNot", torch.logical_not, [0.0, -1.0, 2.5], gradient=False)

# Activations
for name, function in {
    "relu": torch.relu,
    "relu6": F.relu6,
    "leakyRelu": lambda x: F.leaky_relu(x, 0.1),
    "elu": lambda x: F.elu(x, 1.5),
    "celu": lambda x: F.celu(x, 1.5),
    "selu": F.selu,
    "softsign": F.softsign,
    "hardTanh": F.hardtanh,
    "hardShrink": F.hardshrink,
    "softShrink": F.softshrink,
}.items():
    case(name, function, kinks)
inner = np.array([-4.0, -2.5, -1.0, 0.0, 0.5, 2.9, 5.0])
case("hardSigmoid", F.hardsigmoid, inner)
case("hardSwish", F.hardswish, inner)
for name, function in {
    "gelu": F.gelu,
    "gelu by tanh": lambda x: F.gelu(x, approximate="tanh"),
    "silu": F.silu,
    "mish": F.mish,
    "softplus": lambda x: F.softplus(x, threshold=40),
    "logSigmoid": F.logsigmoid,
}.items():
    case(name, function, wide)
case("prelu", lambda x, w: F.prelu(x, w), floats(2, 3, 2), floats(3))
case("softmax", lambda x: torch.softmax(x, -1), floats(3, 4))
case("softmax along axis 0, large", lambda x: torch.softmax(x, 0), floats(3, 4, low=-300, high=300))
case("logSoftmax", lambda x: torch.log_softmax(x, -1), floats(3, 4))
case("logSoftmax, large", lambda x: torch.log_softmax(x, 1), floats(2, 3, 2, low=-300, high=300))

# Reductions
for name in "sum mean prod".split():
    case(name, getattr(torch, name), floats(2, 3))
    case(f"{name} along 1", lambda x, n=name: getattr(torch, n)(x, 1), floats(2, 3, 2))
case("prod with zeros", lambda x: torch.prod(x, 1), [[1.0, 0.0, 3.0], [0.0, 0.0, 2.0], [2.0, 3.0, 4.0]])
case("sum along 0 and 2, kept", lambda x: torch.sum(x, (0, 2), keepdim=True), floats(2, 3, 2))
case("sum of bool", torch.sum, rng.rand(5) < 0.5, gradient=False)
for name in "amax amin".split():
    case(name, lambda x, n=name: getattr(torch, n)(x, (0, 2)), distinct(2, 3, 4))
    case(f"{name}, ties share", lambda x, n=name: getattr(torch, n)(x, 1), [[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
case("var", torch.var, floats(5))
case("var along 1, biased, kept", lambda x: torch.var(x, 1, unbiased=False, keepdim=True), floats(3, 4))
case("std along -1", lambda x: torch.std(x, -1), floats(3, 4))
case("logSumExp", lambda x: torch.logsumexp(x, 1), floats(3, 4, low=-200, high=200))
case("logSumExp over all, kept", lambda x: torch.logsumexp(x, (0, 1), keepdim=True), floats(3, 4))
case("norm", torch.linalg.vector_norm, floats(3, 4))
case("norm along 1 of zeros", lambda x: torch.linalg.vector_norm(x, dim=1), [[0.0, 0.0], [3.0, 4.0]])
case("norm 1", lambda x: torch.linalg.vector_norm(x, 1, dim=0), floats(3, 4))
case("norm 3", lambda x: torch.linalg.vector_norm(x, 3, dim=0), floats(3, 4))
case("norm infinity", lambda x: torch.linalg.vector_norm(x, float("inf"), dim=0), distinct(3, 4))
case("argmax", lambda x: torch.argmax(x, 1), distinct(3, 4), gradient=False)
case("argmax of all", torch.argmax, distinct(3, 4), gradient=False)
case("argmin along 0, kept", lambda x: torch.argmin(x, 0, keepdim=True), distinct(3, 4), gradient=False)
case("any", lambda x: torch.any(x, 1), [[False, True], [False, False]], gradient=False)
case("all", lambda x: torch.all(x, 1), [[False, True], [True, True]], gradient=False)
case("cumsum", lambda x: torch.cumsum(x, 1), floats(2, 4))
case("cumsum of integers along 0", lambda x: torch.cumsum(x, 0), ints(4, 2), gradient=False)

# Movement
case("reshape", lambda x: x.reshape(3, -1), floats(2, 3, 2))
case("flatten from 1", lambda x: x.flatten(1), floats(2, 3, 2))
case("permute", lambda x: x.permute(2, 0, 1), floats(2, 3, 4))
case("transpose", lambda x: x.transpose(-2, -1), floats(2, 3, 4))
case("moveAxis", lambda x: torch.movedim(x, 0, 2), floats(2, 3, 4))
case("expand", lambda x: x.expand(2, 3, 4), floats(3, 1))
case("concat along 1", lambda a, b: torch.cat([a, b], 1), floats(2, 3), floats(2, 2))
case("stack along 1", lambda a, b: torch.stack([a, b], 1), floats(2, 3), floats(2, 3))
case("second part of split", lambda x: torch.split(x, 2, 1)[1], floats(2, 5))
case("last of chunk", lambda x: torch.chunk(x, 3, 0)[-1], floats(7, 2))
case("flip", lambda x: torch.flip(x, (0, 2)), floats(2, 3, 2))
case("roll", lambda x: torch.roll(x, (1, -2), (0, 1)), floats(3, 4))
case("roll of all", lambda x: torch.roll(x, 2), floats(2, 3))
case("pad", lambda x: F.pad(x, (1, 2, 0, 1), value=3.0), floats(2, 3))
case("pad, cutting off", lambda x: F.pad(x, (-1, 2)), floats(2, 4))
for mode in ["reflect", "replicate", "circular"]:
    case(f"pad by {mode}", lambda x, m=mode: F.pad(x, (2, 1, 1, 2), mode=m), floats(1, 2, 3, 4))
case("tile", lambda x: torch.tile(x, (2, 1, 3)), floats(2, 2))
case("repeat along 1", lambda x: torch.repeat_interleave(x, 3, 1), floats(2, 2))

# Indexing
case("slice", lambda x: x[1:, :-1:2, -2], floats(3, 4, 3))
case("slice backwards", lambda x: torch.flip(x, (0,))[::2], floats(6, 2))
case("index with arrays", lambda x: x[[0, 2, 0], [1, 1, 3]], floats(3, 4, 2))
case("index with arrays that are apart", lambda x: x[[[0], [2]], :, [[1, 0]]], floats(3, 4, 2))
case("take along 1", lambda x, i: x[:, i], floats(2, 4), ints(2, 3, high=4))
case("gather", lambda x, i: torch.gather(x, 1, i), floats(3, 4), ints(3, 2, high=4))
case("gather along 0", lambda x, i: torch.gather(x, 0, i), floats(3, 4), ints(2, 3, high=3))
case("scatterAdd", lambda x, i, u: torch.scatter_add(x, 0, i, u), floats(4, 3), ints(2, 3, high=4), floats(2, 3))
case("indexAdd along 1", lambda x, i, u: torch.index_add(x, 1, i, u), floats(2, 4), ints(3, high=4), floats(2, 3))
case("oneHot", lambda i: F.one_hot(i, 5), ints(2, 3), gradient=False)
for name in "tril triu".split():
    case(name, getattr(torch, name), floats(2, 3, 4))
    case(f"{name} off the diagonal", lambda x, n=name: getattr(torch, n)(x, -1), floats(4, 3))
case("diagonal", lambda x: torch.diagonal(x, 0, -2, -1), floats(2, 3, 4))
case("sort", lambda x: torch.sort(x, -1)[0], distinct(3, 5))
case("sort along 0, descending", lambda x: torch.sort(x, 0, descending=True)[0], distinct(4, 3))
case("argsort", lambda x: torch.argsort(x, 1), distinct(3, 5), gradient=False)
case("topK values", lambda x: torch.topk(x, 2, 1)[0], distinct(3, 5))
case("topK indices of the smallest", lambda x: torch.topk(x, 2, 0, largest=False)[1], distinct(5, 3), gradient=False)

# Products
for name, a, b in [
    ("matrices", (2, 3), (3, 4)),
    ("matrix and vector", (2, 3), (3,)),
    ("vector and matrix", (3,), (3, 2)),
    ("vectors", (3,), (3,)),
    ("batches", (2, 3, 4), (2, 4, 2)),
    ("batch and matrix", (2, 3, 4), (4, 2)),
    ("matrix and batch", (3, 4), (2, 4, 2)),
    ("vector and batch", (4,), (2, 4, 2)),
    ("batch and vector", (2, 3, 4), (4,)),
    ("batches that broadcast", (2, 1, 3, 4), (3, 4, 2)),
    ("batches with axes of 1", (1, 2, 3, 2), (4, 1, 2, 3)),
]:
    case(f"matmul: {name}", torch.matmul, floats(*a), floats(*b))
case("dot", torch.dot, floats(4), floats(4))
case("outer", torch.outer, floats(3), floats(2))
for equation, *shapes in [
    ("ij,jk->ik", (2, 3), (3, 4)),
    ("ij->ji", (2, 3)),
    ("ij->", (2, 3)),
    ("ij->j", (2, 3)),
    ("ii->i", (3, 3)),
    ("ii", (3, 3)),
    ("bii->b", (2, 3, 3)),
    ("ij,ij->i", (2, 3), (2, 3)),
    ("i,j->ij", (2,), (3,)),
    ("bij,bjk->bik", (2, 2, 3), (2, 3, 2)),
    ("...ij,...jk->...ik", (2, 1, 2, 3), (4, 3, 2)),
    ("...i->...", (2, 3, 2)),
    ("bhid,bhjd->bhij", (2, 2, 3, 2), (2, 2, 3, 2)),
    ("i,ij,j->", (2,), (2, 3), (3,)),
    ("ab,bc,cd->ad", (2, 3), (3, 2), (2, 4)),
    ("ij,kl->il", (2, 3), (2, 2)),
    ("ji,jk", (2, 3), (2, 4)),
    ("iij,j->i", (2, 2, 3), (3,)),
]:
    case(f"einsum {equation}", lambda *x, e=equation: torch.einsum(e, *x), *[floats(*s) for s in shapes])

# Convolution
case("conv1d", lambda x, w, b: F.conv1d(x, w, b, stride=2, padding=1), floats(2, 3, 7), floats(4, 3, 3), floats(4))
case("conv1d, dilated", lambda x, w: F.conv1d(x, w, dilation=2), floats(1, 2, 7), floats(2, 2, 3))
case("conv2d", lambda x, w, b: F.conv2d(x, w, b), floats(2, 2, 5, 4), floats(3, 2, 3, 2), floats(3))
case("conv2d, stride, padding, dilation", lambda x, w: F.conv2d(x, w, None, (2, 1), (1, 2), (1, 2)),
     floats(1, 2, 6, 5), floats(2, 2, 3, 2))
case("conv2d in groups", lambda x, w: F.conv2d(x, w, groups=2, padding=1), floats(1, 4, 3, 3), floats(6, 2, 2, 2))
case("conv2d, depthwise", lambda x, w: F.conv2d(x, w, groups=3), floats(1, 3, 4, 4), floats(3, 1, 3, 3))
case("conv2d, same", lambda x, w: F.conv2d(x, w, padding="same"), floats(1, 2, 4, 5), floats(2, 2, 3, 2))
case("conv2d of one sample", lambda x, w: F.conv2d(x, w), floats(2, 4, 4), floats(2, 2, 2, 2))
case("conv3d", lambda x, w, b: F.conv3d(x, w, b, padding=(1, 0, 1)), floats(1, 2, 3, 4, 3), floats(2, 2, 2, 3, 2), floats(2))
case("convTranspose1d", lambda x, w, b: F.conv_transpose1d(x, w, b, stride=2, padding=1, output_padding=1),
     floats(2, 3, 4), floats(3, 2, 3), floats(2))
case("convTranspose2d", lambda x, w: F.conv_transpose2d(x, w, stride=(2, 1), padding=(0, 1)),
     floats(1, 2, 3, 4), floats(2, 3, 2, 3))
case("convTranspose2d in groups, dilated", lambda x, w: F.conv_transpose2d(x, w, groups=2, dilation=2),
     floats(1, 4, 3, 3), floats(4, 3, 2, 2))
case("convTranspose3d", lambda x, w: F.conv_transpose3d(x, w, stride=2), floats(1, 2, 2, 2, 2), floats(2, 1, 2, 2, 2))

# Pooling
ties = ints(1, 2, 6, 6, high=3).astype(float)
case("maxPool1d", lambda x: F.max_pool1d(x, 2), floats(2, 2, 7))
case("maxPool2d", lambda x: F.max_pool2d(x, 2), floats(2, 2, 4, 6))
case("maxPool2d, ties go to the first", lambda x: F.max_pool2d(x, 2), ties)
case("maxPool2d, overlapping with ties", lambda x: F.max_pool2d(x, 3, 2, 1), ties)
case("maxPool2d, dilated", lambda x: F.max_pool2d(x, (2, 3), 1, (1, 1), (2, 1)), floats(1, 1, 5, 5))
case("maxPool2d, last window hangs over", lambda x: F.max_pool2d(x, 2, ceil_mode=True), floats(1, 1, 5, 7))
case("maxPool3d", lambda x: F.max_pool3d(x, 2), floats(1, 1, 4, 2, 4))
case("avgPool1d", lambda x: F.avg_pool1d(x, 3, 2, 1), floats(2, 2, 7))
case("avgPool2d", lambda x: F.avg_pool2d(x, 2), floats(2, 2, 4, 6))
case("avgPool2d, without the padding", lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False), floats(1, 2, 5, 6))
case("avgPool2d, last window hangs over", lambda x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True), floats(1, 1, 6, 4))
case("avgPool3d", lambda x: F.avg_pool3d(x, 2), floats(1, 1, 4, 2, 4))
case("adaptiveAvgPool1d", lambda x: F.adaptive_avg_pool1d(x, 3), floats(1, 2, 7))
case("adaptiveAvgPool2d", lambda x: F.adaptive_avg_pool2d(x, (2, 3)), floats(1, 2, 4, 5))
tied = ints(1, 2, 5, 7, high=3).astype(float)
case("adaptiveMaxPool1d", lambda x: F.adaptive_max_pool1d(x, 3), floats(1, 2, 6))
case("adaptiveMaxPool2d, parts overlap, ties go to the first", lambda x: F.adaptive_max_pool2d(x, (2, 3)), tied)

# Interpolation
for mode in ["nearest", "bilinear"]:
    case(f"interpolate {mode}, larger", lambda x, m=mode: F.interpolate(x, scale_factor=2, mode=m), floats(1, 2, 2, 3))
    case(f"interpolate {mode}, odd sizes", lambda x, m=mode: F.interpolate(x, size=(5, 2), mode=m), floats(1, 1, 3, 4))
case("interpolate bilinear, corners aligned",
     lambda x: F.interpolate(x, size=(5, 3), mode="bilinear", align_corners=True), floats(1, 1, 3, 4))
case("interpolate linear", lambda x: F.interpolate(x, size=7, mode="linear"), floats(1, 2, 3))

# Normalisation
case("batchNorm", lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True), floats(3, 2, 2, 2), floats(2), floats(2))
case("batchNorm with given moments", lambda x, m, v, w, b: F.batch_norm(x, m.detach(), v.detach(), w, b),
     floats(3, 2), floats(2), positive(2), floats(2), floats(2))
case("layerNorm", lambda x, w, b: F.layer_norm(x, (4,), w, b), floats(2, 3, 4), floats(4), floats(4))
case("layerNorm over two axes", lambda x, w: F.layer_norm(x, (3, 4), w), floats(2, 3, 4), floats(3, 4))
case("groupNorm", lambda x, w, b: F.group_norm(x, 2, w, b), floats(2, 4, 3), floats(4), floats(4))
case("rmsNorm", lambda x, w: x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-5) * w, floats(3, 4), floats(4))

path = pathlib.Path(__file__).resolve().parents[2] / "test" / "goldens" / "tensor.json"
text = "[\n" + ",\n".join(json.dumps(each, separators=(",", ":")) for each in cases) + "\n]\n"
path.write_text(text)
print(f"{len(cases)} cases, {len(text) // 1024} KiB")
