"""Writes test/goldens/optim.json: PyTorch's optimizers over 20 steps and its learning rate schedules, for test/optim/.

All optimizers get the same two parameters and the same gradients, which are written once; a case holds the parameters after
some of the steps. Computed in float64, written with 7 digits. Lion and L1, which PyTorch 1.13 lacks, are computed from their
formulas. Run with PyTorch 1.13:

    python3 scripts/goldens/optim.py
"""

import json
import pathlib

import numpy as np
import torch
from torch import optim
from torch.optim import lr_scheduler as schedulers

rng = np.random.RandomState(22)
STEPS = 20
SHOWN = [1, 2, 3, 10, 20]

start = {"w": np.round(rng.uniform(-2, 2, (2, 3)), 2), "b": np.round(rng.uniform(-2, 2, 4), 2)}
gradients = [
    {k: np.round(rng.uniform(-3, 3, v.shape) * 10.0 ** rng.randint(-2, 1), 3) for k, v in start.items()}
    for _ in range(STEPS)
]
# Elements that have no gradient for a while, or never.
for step in gradients[:5]:
    step["b"][1] = 0
for step in gradients:
    step["w"][0, 2] = 0


def number(value):
    return int(value) if float(value).is_integer() else float(f"{value:.7g}")


def flat(values):
    return [number(v) for v in np.asarray(values).reshape(-1)]


cases = {}


def record(name, run):
    """`run` yields the parameters after each step."""
    states = list(run)
    assert len(states) == STEPS
    cases[name] = [{k: flat(v) for k, v in states[n - 1].items()} for n in SHOWN]


def torch_run(make, prepare=lambda parameters: None, every=1):
    parameters = {k: torch.tensor(v, requires_grad=True) for k, v in start.items()}
    optimizer = make(parameters)
    total = {k: np.zeros_like(v) for k, v in start.items()}
    for n, step in enumerate(gradients, 1):
        total = {k: total[k] + step[k] / every for k in total}
        if n % every == 0:
            for k, p in parameters.items():
                p.grad = torch.tensor(total[k])
            prepare(list(parameters.values()))
            optimizer.step()
            total = {k: np.zeros_like(v) for k, v in start.items()}
        yield {k: p.detach().numpy().copy() for k, p in parameters.items()}


def case(name, make, **options):
    record(name, torch_run(lambda p: make(list(p.values())), **options))


def nadam(parameters, lr, **options):
    # The other implementation of PyTorch 1.13 uses one momentum too many (corrected by its pull request 92699).
    return optim.NAdam(parameters, lr, foreach=True, **options)


def lion(lr, beta1, beta2, weight_decay):
    values = {k: v.copy() for k, v in start.items()}
    moments = {k: np.zeros_like(v) for k, v in start.items()}
    for step in gradients:
        for k, g in step.items():
            update = np.sign(beta1 * moments[k] + (1 - beta1) * g) + weight_decay * values[k]
            values[k] = values[k] - lr * update
            moments[k] = beta2 * moments[k] + (1 - beta2) * g
        yield {k: v.copy() for k, v in values.items()}


def sgd_with_l1(lr, l1):
    values = {k: v.copy() for k, v in start.items()}
    for step in gradients:
        values = {k: v - lr * (step[k] + l1 * np.sign(v)) for k, v in values.items()}
        yield {k: v.copy() for k, v in values.items()}


def average(decay):
    means = {k: v.copy() for k, v in start.items()}
    for state in torch_run(lambda p: optim.SGD(list(p.values()), 0.1)):
        means = {k: decay * means[k] + (1 - decay) * state[k] for k in means}
        yield {k: v.copy() for k, v in means.items()}


case("sgd", lambda p: optim.SGD(p, 0.1))
case("sgd, momentum", lambda p: optim.SGD(p, 0.1, momentum=0.9))
case("sgd, nesterov", lambda p: optim.SGD(p, 0.1, momentum=0.9, nesterov=True))
case("sgd, dampening", lambda p: optim.SGD(p, 0.1, momentum=0.8, dampening=0.3))
case("sgd, weightDecay", lambda p: optim.SGD(p, 0.1, momentum=0.9, weight_decay=0.1))
record("sgd, l1", sgd_with_l1(0.1, 0.05))
case("adam", lambda p: optim.Adam(p, 0.01))
case("adam, other betas", lambda p: optim.Adam(p, 0.1, betas=(0.5, 0.9), eps=1e-3))
case("adam, weightDecay", lambda p: optim.Adam(p, 0.01, weight_decay=0.1))
case("adam, amsgrad", lambda p: optim.Adam(p, 0.05, betas=(0.9, 0.5), amsgrad=True))
case("adamw", lambda p: optim.AdamW(p, 0.01))
case("adamw, weightDecay", lambda p: optim.AdamW(p, 0.05, weight_decay=0.3))
case("rmsprop", lambda p: optim.RMSprop(p, 0.01))
case("rmsprop, momentum, weightDecay", lambda p: optim.RMSprop(p, 0.01, alpha=0.9, momentum=0.5, weight_decay=0.1))
case("rmsprop, centered", lambda p: optim.RMSprop(p, 0.01, alpha=0.9, eps=1e-4, centered=True))
case("adagrad", lambda p: optim.Adagrad(p, 0.1))
case("adagrad, decays", lambda p: optim.Adagrad(p, 0.1, lr_decay=0.1, weight_decay=0.1, initial_accumulator_value=0.5))
case("adadelta", lambda p: optim.Adadelta(p))
case("adadelta, weightDecay", lambda p: optim.Adadelta(p, 0.5, rho=0.8, eps=1e-4, weight_decay=0.1))
case("adamax", lambda p: optim.Adamax(p, 0.01))
case("adamax, weightDecay", lambda p: optim.Adamax(p, 0.05, betas=(0.8, 0.9), weight_decay=0.1))
case("nadam", lambda p: nadam(p, 0.01))
case("nadam, weightDecay", lambda p: nadam(p, 0.05, betas=(0.8, 0.99), weight_decay=0.1, momentum_decay=0.1))
record("lion", lion(0.01, 0.9, 0.99, 0))
record("lion, weightDecay", lion(0.02, 0.8, 0.95, 0.3))
case("clipNorm", lambda p: optim.SGD(p, 0.1), prepare=lambda p: torch.nn.utils.clip_grad_norm_(p, 1.5))
case("clipValue", lambda p: optim.SGD(p, 0.1), prepare=lambda p: torch.nn.utils.clip_grad_value_(p, 0.7))
record(
    "lrScale",
    torch_run(lambda p: optim.Adam([{"params": [p["w"]], "lr": 0.001}, {"params": [p["b"]]}], 0.01)),
)
case("accumulate, sgd", lambda p: optim.SGD(p, 0.1, momentum=0.9, dampening=0.3), every=3)
case("accumulate, nadam", lambda p: nadam(p, 0.01), every=2)
record("ema", average(0.9))

schedules = {}


def schedule(name, make, lr=0.5, count=30):
    parameter = torch.zeros(1, requires_grad=True)
    optimizer = optim.SGD([parameter], lr)
    scheduler = make(optimizer)
    values = []
    for _ in range(count):
        values.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    schedules[name] = flat(values)


schedule("stepLr", lambda o: schedulers.StepLR(o, 7, 0.5))
schedule("multiStepLr", lambda o: schedulers.MultiStepLR(o, [3, 10, 11], 0.3))
schedule("exponentialLr", lambda o: schedulers.ExponentialLR(o, 0.9))
schedule("cosineLr", lambda o: schedulers.CosineAnnealingLR(o, 29, 0.1))
schedule("cosineLr, restarts", lambda o: schedulers.CosineAnnealingWarmRestarts(o, 4, 2, 0.1))
schedule("warmup", lambda o: schedulers.LinearLR(o, 0.2, 1.0, 5))
schedule("oneCycleLr", lambda o: schedulers.OneCycleLR(o, 0.5, 31))
schedule("oneCycleLr, options", lambda o: schedulers.OneCycleLR(o, 0.5, 31, pct_start=0.5, div_factor=10, final_div_factor=100))
schedule(
    "sequentialLr",
    lambda o: schedulers.SequentialLR(o, [schedulers.ConstantLR(o, 1.0), schedulers.ExponentialLR(o, 0.9)], [6]),
)

metrics = [5, 4, 4, 3.9999, 4.1, 4.2, 3, 3, 3, 3, 3, 3, 2.9, 2.95, 2.95, 2.95, 2.95, 2.95, 2.95, 2.95]


def plateau(**options):
    optimizer = optim.SGD([torch.zeros(1, requires_grad=True)], 1.0)
    scheduler = schedulers.ReduceLROnPlateau(optimizer, **options)
    values = []
    for metric in metrics:
        scheduler.step(metric)
        values.append(optimizer.param_groups[0]["lr"])
    return flat(values)


plateaus = {
    "plain": plateau(patience=2),
    "cooldown": plateau(factor=0.5, patience=1, cooldown=2, min_lr=0.2),
    "max": plateau(mode="max", factor=0.5, patience=3, threshold=0.01),
}

path = pathlib.Path(__file__).resolve().parents[2] / "test/goldens/optim.json"
compact = lambda value: json.dumps(value, separators=(",", ":"))
lines = [
    '"shapes":' + compact({k: list(v.shape) for k, v in start.items()}),
    '"start":' + compact({k: flat(v) for k, v in start.items()}),
    '"gradients":' + compact([{k: flat(v) for k, v in step.items()} for step in gradients]),
    '"shown":' + compact(SHOWN),
    '"cases":{\n' + ",\n".join(f"{compact(k)}:{compact(v)}" for k, v in cases.items()) + "\n}",
    '"schedules":{\n' + ",\n".join(f"{compact(k)}:{compact(v)}" for k, v in schedules.items()) + "\n}",
    '"metrics":' + compact(metrics),
    '"plateaus":' + compact(plateaus),
]
path.write_text("{\n" + ",\n".join(lines) + "\n}\n")
print(f"{len(cases)} optimizers, {len(schedules)} schedules, {path.stat().st_size} bytes")
