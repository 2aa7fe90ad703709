"""Jumps that cancel where axes of length 1 come and go on the way, and where entries are moved."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from onnx import TensorProto, helper

import absnormal as an

POINT = np.array([0.0, 2.0, 1.0])

NUMPY = {
    "a row in front": (lambda x: np.sum((x - np.floor(x))[None] * (np.ceil(x) - x)), [0, 0, 0]),
    "a column": (lambda x: np.sum(np.sign(x)[:, None] * x[:, None]), [0, 1, 1]),
    "a column by reshape": (lambda x: np.sum(np.reshape(np.sign(x), (3, 1)) * np.reshape(x, (3, 1))), [0, 1, 1]),
    "an ellipsis": (lambda x: np.max(np.sign(x)[..., None, :] * x), [0, 1, 0]),
}

TORCH = {
    "exclusive or": (lambda x: (x * ((x > 0) ^ (x > 5))).sum(), [0, 1, 1]),
    "addcmul": (lambda x: torch.addcmul(x, x, (x > 0).double(), value=2.0).sum(), [1, 3, 3]),
    "a sum so far": (lambda x: (x + 0 * (x > 0).double().cumsum(0)[-1]).sum(), [1, 1, 1]),
    "of what was sorted": (lambda x: (lambda u: (u - u.floor()) * (u.ceil() - u))(x.sort().values).sum(), [0, 0, 0]),
    "a column by reshape": (lambda x: (torch.sign(x).reshape(3, 1) * x.reshape(3, 1)).sum(), [0, 1, 1]),
    "by products of all pairs": (lambda x: torch.outer(x - 1, (x > 1) * 1.0).reshape(9)[8], [0, 0, 0]),
    "in the middle": (lambda x: (torch.sign(x).reshape(1, 3, 1) * x.reshape(1, 3, 1)).sum((0, 2))[1], [0, 1, 0]),
    "a column and its maximum": (lambda x: (torch.sign(x[:, None]) * x[:, None]).max(0).values[0], [0, 1, 0]),
}


@pytest.mark.parametrize("name", NUMPY)
def test_numpy_follows_a_jump_through_axes_of_length_one(name):
    f, gradient = NUMPY[name]
    report = an.verify(f, POINT)
    assert report.verdict is an.Verdict.CLARKE
    np.testing.assert_array_equal(report.gradient, gradient)


@pytest.mark.parametrize("name", TORCH)
def test_torch_follows_a_jump_through_axes_of_length_one(name):
    f, gradient = TORCH[name]
    report = an.verify(f, torch.tensor(POINT, requires_grad=True))
    assert report.verdict is an.Verdict.CLARKE
    np.testing.assert_array_equal(report.gradient.numpy(), gradient)

IMAGE = np.random.default_rng(0).integers(0, 9, (5, 5)).astype(float)
W = np.array([[1.0, -1.0, 2.0], [2.0, 1.0, 0.0], [0.5, 3.0, 1.0]])


def of(lib: Any, numbers: Any) -> Any:
    return torch.tensor(numbers) if lib is torch else lib.asarray(numbers)


def whole(lib: Any, numbers: Any) -> Any:
    return numbers.long() if lib is torch else numbers.astype(int)


def bilinear(lib: Any, xy: Any) -> Any:
    """Interpolation in an image, as it is written by hand."""
    corner = lib.floor(xy)
    u, v = xy[:, 0] - corner[:, 0], xy[:, 1] - corner[:, 1]
    i, j = whole(lib, corner[:, 0]), whole(lib, corner[:, 1])
    pixels = of(lib, IMAGE).reshape(-1)
    upper = (1 - u) * (1 - v) * pixels[5 * j + i] + u * (1 - v) * pixels[5 * j + i + 1]
    return (upper + (1 - u) * v * pixels[5 * j + 5 + i] + u * v * pixels[5 * j + 6 + i]).sum()


#: f(lib, x), which moves what jumps before it meets, or computes what it meets with once more.
MOVED: dict[str, Callable[[Any, Any], Any]] = {
    "slices": lambda lib, x: (lib.sign(x)[:2] * x[:2] * (2 + x[2])).sum(),
    "a slice of sides": lambda lib, x: (lib.where(x > 0, x, 3 * x) * lib.sign(x))[1:].sum(),
    "the other way round": lambda lib, x: (lib.flip(lib.sign(x), (0,)) * lib.flip(x, (0,))).sum(),
    "by places": lambda lib, x: (lib.sign(x)[of(lib, [2, 0, 2])] * x[of(lib, [2, 0, 2])]).sum(),
    "rows": lambda lib, x: (lib.sign(x)[None].T * x[None].T * of(lib, W)).sum(),
    "computed again": lambda lib, x: (lib.sign(of(lib, W) @ abs(x)) * (of(lib, W) @ abs(x))).sum(),
    "and moved": lambda lib, x: (lib.sign(x + abs(x))[1:] * (x + abs(x))[1:]).sum(),
}
POINTS = [[0.0, 0.0, 0.0], [0.0, 2.0, 0.0], [-1.0, 0.0, 1.0]]
#: Three points of an image: on no line of pixels, on one, on two.
ON_LINES = [[[1.25, 2.5]], [[1.0, 2.5], [1.5, 2.5]], [[1.0, 2.0], [2.0, 2.5], [1.5, 3.0], [2.0, 2.0]]]


def verified(lib: Any, f: Callable[[Any, Any], Any], x: np.ndarray) -> an.Report:
    if lib is np:
        return an.verify(lambda x: f(np, x), x)
    if lib is torch:
        return an.verify(lambda x: f(torch, x), torch.tensor(x, requires_grad=True))
    with jax.enable_x64(True):
        return an.verify(lambda x: f(jnp, x), jnp.array(x))


def assert_right(lib: Any, f: Callable[[Any, Any], Any], x: np.ndarray) -> None:
    """Every partial derivative lies between the slopes to the left and to the right, if f is a sum over entries."""
    report = verified(lib, f, x)
    step = 2.0**-20 * np.eye(x.size).reshape(-1, *x.shape)
    slopes = np.array([[f(np, x) - f(np, x - h), f(np, x + h) - f(np, x)] for h in step]) / 2.0**-20
    gradient = np.asarray(report.flat_gradient)
    between = (slopes.min(1) - 1e-4 <= gradient) & (gradient <= slopes.max(1) + 1e-4)
    assert report.verdict is (an.Verdict.CLARKE if between.all() else an.Verdict.NOT_CLARKE), report


@pytest.mark.parametrize("lib", [np, torch, jnp], ids=["numpy", "torch", "jax"])
@pytest.mark.parametrize("name", MOVED)
def test_a_jump_is_followed_through_movements(lib, name):
    for x in POINTS:
        assert_right(lib, MOVED[name], np.array(x))


@pytest.mark.slow
@pytest.mark.parametrize("lib", [torch, jnp], ids=["torch", "jax"])
def test_interpolation_in_an_image_on_its_lines(lib):
    for xy in ON_LINES:
        assert_right(lib, bilinear, np.array(xy))


@pytest.mark.parametrize("lib", [np, torch, jnp], ids=["numpy", "torch", "jax"])
def test_a_jump_that_was_moved_elsewhere_stays_one(lib):
    """The sign of one entry beside that of the other one, by which it is multiplied on the way."""

    def f(lib: Any, p: Any) -> Any:
        x, y = p[:2], p[2:]
        return (lib.sign(y) * lib.flip(lib.sign(x), (0,)) * y).sum()

    for x in ([0.0, 1.0, 0.0, 1.0], [0.0, 1.0, 1.0, 1.0], [0.0, 0.0, 1.0, 2.0]):
        with pytest.raises(an.TraceError, match="jumps"):
            verified(lib, f, np.array(x))


#: f(lib, x), which has the jump of x[1] beside x[2], or that of x[2] beside x[1].
MISPLACED: dict[str, Callable[[Any, Any], Any]] = {
    "transposed": lambda lib, x: (lib.sign(x.reshape(2, 2)).T.reshape(4) * x).sum(),
    "by columns": lambda lib, x: (
        (lib.sign(x.reshape(2, 2)).T.reshape(4) if lib is torch else lib.sign(x.reshape(2, 2)).ravel("F")) * x
    ).sum(),
    "flipped": lambda lib, x: (lib.flip(lib.sign(x), (0,)) * x).sum(),
    "rolled": lambda lib, x: (lib.roll(lib.sign(x), 1) * x).sum(),
    "by places": lambda lib, x: (lib.sign(x)[of(lib, [0, 2, 1, 3])] * x).sum(),
    "a mask by places": lambda lib, x: ((x > 0)[of(lib, [0, 2, 1, 3])] * x).sum(),
    "of a list": lambda lib, x: (of(lib, [1.0, 5.0])[whole(lib, x > 0)][of(lib, [0, 2, 1, 3])] * x).sum(),
    "places of a list": lambda lib, x: (of(lib, [1.0, 5.0])[whole(lib, x > 0)[of(lib, [0, 2, 1, 3])]] * x).sum(),
}


@pytest.mark.parametrize("lib", [np, torch, jnp], ids=["numpy", "torch", "jax"])
@pytest.mark.parametrize("name", MISPLACED)
def test_the_jump_of_another_entry_cancels_nothing(lib, name):
    for x in ([1.0, 0.0, 3.0, 2.0], [1.0, 3.0, 0.0, 2.0], [0.0, 0.0, 0.0, 0.0]):
        with pytest.raises(an.TraceError, match=r"jumps|tied"):
            verified(lib, MISPLACED[name], np.array(x))


def test_an_entry_that_is_looked_up_in_onnx():
    for order, verdict in (([0, 1, 2], an.Verdict.CLARKE), ([1, 2, 0], None)):
        nodes = [
            helper.make_node("Sign", ["x"], ["s"]),
            helper.make_node("Gather", ["s", "order"], ["t"]),
            helper.make_node("Mul", ["t", "x"], ["u"]),
            helper.make_node("ReduceSum", ["u"], ["y"], keepdims=0),
        ]
        given = [helper.make_tensor_value_info("x", TensorProto.DOUBLE, [3])]
        result = [helper.make_tensor_value_info("y", TensorProto.DOUBLE, [])]
        places = [helper.make_tensor("order", TensorProto.INT64, [3], order)]
        model = helper.make_model(helper.make_graph(nodes, "moved", given, result, places))
        for x in ([1.0, 0.0, 0.0], [1.0, 0.0, 2.0]):
            if verdict is None:
                with pytest.raises(an.TraceError, match="jumps"):
                    an.verify(an.onnx.load(model, {"x": np.array(x)}), np.array(x))
            else:
                report = an.verify(an.onnx.load(model, {"x": np.array(x)}), np.array(x))
                assert report.verdict is verdict


def argmax_and_values(u: Any) -> Any:
    return 1 - torch.stack([u, torch.zeros_like(u)]).argmax(0) + u.detach() > 0.5


#: Masks of numbers that jump at 0 themselves, and of values beside them; none is tied.
OF_WHAT_JUMPS: dict[str, Callable[[Any], Any]] = {
    "a mask": lambda u: (u > 0).double() * 3 > 1,
    "a mask and stopped values": lambda u: (u > 0).double() * 3 + u.detach() > 1,
    "a mask beside stopped values": lambda u: (u > 0).double() * 3 > 1 - u.detach(),
    "a mask beside values": lambda u: (u > 0).double() * 3 > 1 - u,
    "values beside a sign": lambda u: 0.5 + u.detach() < torch.sign(u.detach()),
    "a mask and values": lambda u: (u > 0).double() * 3 + u > 1,
    "a sign": lambda u: torch.sign(u) * 3 + u.detach() > 1,
    "a sign of stopped values": lambda u: torch.sign(u.detach()) * 3 + u.detach() > 1,
    "a choice": lambda u: torch.where(u > 0, 3.0, 0.0) + u.detach() > 1,
    "a floor": lambda u: torch.floor(u.detach()) + 0.5 + u.detach() > 0,
    "a factor": lambda u: (u > 0).double() * u.detach().exp() > 0.5,
    "a rounded number": lambda u: torch.round((u > 0).double() + 0.1 * u.detach()) > 0.5,
    "a larger one": lambda u: torch.maximum((u > 0).double(), u.detach()) > 0.5,
    "an exponential": lambda u: ((u > 0).double() * (u.detach() + 1)).exp() > 1.5,
    "what was sorted": lambda u: torch.cat([(u > 0).double(), u.detach() + 0.2]).sort().values[1:] > 0.5,
    "an index": argmax_and_values,
    "a sum so far": lambda u: (u > 0).double().cumsum(0) + u.detach() > 0.5,
}


@pytest.mark.parametrize("name", OF_WHAT_JUMPS)
def test_a_mask_of_what_jumps_jumps(name):
    """u where the mask holds and 2 u elsewhere has the slopes 1 and 2 at 0."""

    def f(u: Any) -> Any:
        return torch.where(OF_WHAT_JUMPS[name](u), u, 2 * u).sum()

    x = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    assert float(f(x + 1e-3)) == pytest.approx(1e-3) and float(f(x - 1e-3)) == pytest.approx(-2e-3)
    try:
        found = {float(vertex) for vertex in np.ravel(an.generalized_gradient(f, x).vertices)}
    except an.TraceError:
        return
    assert found == {1.0, 2.0}


@pytest.mark.parametrize("mask", [
    lambda u: u.detach() * (u + 1) > 0, lambda u: u * (u.detach() + 1) > 0, lambda u: u.detach() + u > 0,
    lambda u: torch.where(u > -1, u.detach(), u) > 0, lambda u: torch.sign(u - 2 * u.detach()) < 0,
])  # fmt: skip
def test_a_tied_mask_of_stopped_values_beside_others_is_refused(mask: Any) -> None:
    """Its other values alone do not tell where it holds."""
    x = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    with pytest.raises(an.TraceError, match=r"detached|tied"):
        an.verify(lambda u: torch.where(mask(u), u, 2 * u).sum(), x)
    assert an.verify(lambda u: torch.where(mask(u), u, 2 * u).sum(), x.detach() + 0.5).verdict is an.Verdict.CLARKE
