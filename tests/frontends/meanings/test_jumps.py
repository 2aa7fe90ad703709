"""Jumps that cancel where axes of length 1 come and go on the way."""

import numpy as np
import pytest

import absnormal as an

torch = pytest.importorskip("torch")

POINT = np.array([0.0, 2.0, 1.0])

NUMPY = {
    "a row in front": (lambda x: np.sum((x - np.floor(x))[None] * (np.ceil(x) - x)), [0, 0, 0]),
    "a column": (lambda x: np.sum(np.sign(x)[:, None] * x[:, None]), [0, 1, 1]),
    "a column by reshape": (lambda x: np.sum(np.reshape(np.sign(x), (3, 1)) * np.reshape(x, (3, 1))), [0, 1, 1]),
    "an ellipsis": (lambda x: np.max(np.sign(x)[..., None, :] * x), [0, 1, 0]),
}

TORCH = {
    "of what was sorted": (lambda x: (lambda u: (u - u.floor()) * (u.ceil() - u))(x.sort().values).sum(), [0, 0, 0]),
    "a column by reshape": (lambda x: (torch.sign(x).reshape(3, 1) * x.reshape(3, 1)).sum(), [0, 1, 1]),
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
