"""Is gradcheck right at kinks and elsewhere, does it find what is wrong, and does it say where?"""

from __future__ import annotations

import unittest
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch.autograd.gradcheck import GradcheckError

import absnormal as an
from tests.frontends.torch_database import operators
from tests.testing.planted import OTHER, PLANTED, SMOOTH, TIED, double, made
from tests.testing.torch_gradcheck import AGREE, AT_KINK, outcomes

gradcheck = an.testing.gradcheck


def test_every_planted_mistake_is_caught_and_every_right_backward_passes() -> None:
    assert len(PLANTED) >= 20
    missed, refused = [], []
    for what, (forward, wrong, right, inputs) in PLANTED.items():
        if gradcheck(made(forward, wrong), inputs, raise_exception=False):
            missed.append(what)
        if not gradcheck(made(forward, right), inputs, raise_exception=False):
            refused.append(what)
    assert not missed and not refused
    linear = [what for what, (forward, wrong, _, inputs) in PLANTED.items()
              if gradcheck(made(forward, wrong), inputs, raise_exception=False, fast_mode=True)]
    # What is wrong in one entry may cancel along one direction, and what is wrong in a sum of entries alone may not.
    assert len(linear) <= 2


def test_a_mistake_is_named() -> None:
    forward, wrong, _, inputs = PLANTED["a factor at one entry"]
    with pytest.raises(AssertionError, match=r"^output 0, entry \[2\], by input 0, entry \[2\]: reverse mode gives 3"):
        gradcheck(made(forward, wrong), inputs)
    forward, wrong, _, inputs = PLANTED["no gradient for an input"]
    with pytest.raises(AssertionError, match=r"^output 0, entry \[0\], by input 1, entry \[0\]: reverse mode gives 0"):
        gradcheck(made(forward, wrong), inputs)
    forward, wrong, _, inputs = PLANTED["abs beyond 1 at 0"]
    with pytest.raises(AssertionError, match=r"by input 0, entry \[0\]: .*no Clarke gradient") as caught:
        gradcheck(made(forward, wrong), inputs)
    said = " ".join(str(caught.value).split())
    assert "a backward of its own" in said and "planted.py:" in said
    forward, wrong, _, inputs = PLANTED["its sign is taken"]
    with pytest.raises(AssertionError, match="not linear in the gradient that it is given"):
        gradcheck(made(forward, wrong), (double(0.1, 0.2),))


#: A sample of torch's operators, smooth ones and those with kinks; the module in `torch_gradcheck` runs them all.
_SAMPLE = (
    "abs", "addmm", "amax", "atan2", "clamp", "cumsum", "div.no_rounding_mode", "exp", "fft.rfft", "gather",
    "index_select", "linalg.vector_norm", "logsumexp", "matmul", "maximum", "nn.functional.hardtanh",
    "nn.functional.huber_loss", "nn.functional.relu", "prod", "sort", "std", "where",
)


@pytest.mark.slow
def test_it_agrees_with_torch_on_its_own_operators() -> None:
    known = operators()
    found = [(name, *outcome) for name in _SAMPLE for outcome in outcomes(known[name], 2, 16)]
    assert len(found) > 30
    assert not [each for each in found if each[1] not in (AGREE, AT_KINK)]


def test_at_kinks_no_right_gradient_is_refused() -> None:
    y = double(0.0, 1.0, -1.1)
    functional = torch.nn.functional
    zeros = torch.zeros(1, 1, 4, 4, dtype=torch.float64, requires_grad=True)
    calls: list[Any] = [
        (torch.relu, (TIED,)), (torch.abs, (TIED,)), (torch.maximum, (TIED, y)), (torch.minimum, (OTHER, y)),
        (lambda x: x.sort().values, (double(1.0, 0.0, 1.0, 1.0),)), (lambda x: x.amax(), (double(1.0, 1.0),)),
        (lambda x: functional.max_pool2d(x, 2), (zeros,)),
        (lambda x: functional.hardtanh(x, 0, 1), (double(0.0, 1.0),)),
        (torch.linalg.vector_norm, (double(0.0, 0.0),)), (functional.l1_loss, (TIED, y)),
        (lambda x: {"a": torch.relu(x), "b": [x.abs(), x.long()]}, (TIED,)),
    ]
    for f, inputs in calls:
        assert gradcheck(f, inputs, check_forward_ad=True), f
        assert gradcheck(f, inputs, fast_mode=True), f


def test_outputs_together_may_be_wrong_where_each_is_right() -> None:
    def both(x: Any) -> Any:
        return torch.stack([torch.relu(x), torch.relu(-x)]).T

    def spread(x: Any) -> Any:
        return both(x) @ double((1.0, -1.0), (1.0, 1.0)).detach()

    assert gradcheck(lambda x: torch.relu(x), (TIED,))
    # relu(x) - relu(-x) is x.
    assert not gradcheck(spread, (TIED,), raise_exception=False)


def test_a_kink_within_a_step_is_no_mistake() -> None:
    near = double(3e-7, -2e-8, 1.0)
    assert not torch.autograd.gradcheck(torch.relu, (near,), raise_exception=False)
    assert gradcheck(torch.relu, (near,)) and gradcheck(torch.abs, (near,), check_forward_ad=True)


def test_forward_mode_is_checked() -> None:
    class Own(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            ctx.save_for_forward(x)
            return torch.relu(x)

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * (ctx.saved_tensors[0] > 0)

        @staticmethod
        def jvp(ctx: Any, t: Any) -> Any:
            return t * (ctx.saved_tensors[0] > 0) * factor

    factor: Any = 1.0
    assert gradcheck(Own.apply, (TIED,), check_forward_ad=True)
    factor = torch.tensor([1.0, 1.0, 2.0])
    assert gradcheck(Own.apply, (TIED,))
    for point in (TIED, SMOOTH):
        with pytest.raises(AssertionError, match=r"entry \[2\], by input 0, entry \[2\]: forward mode"):
            gradcheck(Own.apply, (point,), check_forward_ad=True)


def test_what_cannot_be_followed_is_checked_by_differences_alone() -> None:
    class Hidden(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return torch.from_numpy(np.maximum(x.detach().numpy(), 0))

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * (ctx.saved_tensors[0] > 0) * factor

    factor = 1.0
    assert gradcheck(Hidden.apply, (SMOOTH,))
    with pytest.raises(AssertionError, match="there is a kink, and f cannot be followed"):
        gradcheck(Hidden.apply, (TIED,))
    with pytest.raises(unittest.SkipTest, match="there is a kink"):
        gradcheck(Hidden.apply, (TIED,), undecided="skip")
    with pytest.warns(an.UndecidedWarning, match="there is a kink") as caught:
        assert gradcheck(Hidden.apply, (TIED,), undecided="warn")
    assert caught[0].filename == __file__
    factor = 2.0
    assert not gradcheck(Hidden.apply, (SMOOTH,), raise_exception=False)

    @torch.library.custom_op("absnormal_tests::upper", mutates_args=())
    def upper(x: torch.Tensor) -> torch.Tensor:
        return x.clamp(min=0)

    upper.register_autograd(lambda ctx, g: g, setup_context=lambda ctx, inputs, output: None)
    with pytest.raises(AssertionError, match=r"not supported: absnormal_tests::upper\. Fix: .*extend\.rule"):
        gradcheck(upper, (double(0.0),))


def test_what_is_detached_is_followed() -> None:
    # A straight-through estimator: right to torch, which holds constant what it is told to.
    def through(x: Any) -> Any:
        return x + (torch.round(x) - x).detach() + x.detach() ** 2

    assert not gradcheck(through, (SMOOTH,), raise_exception=False)
    assert gradcheck(lambda x: (x - x.max().detach()).exp() * x.max().detach().exp(), (double(0.5, 0.5),))


def test_single_precision() -> None:
    x = torch.tensor([0.0, -0.7, 1.2], requires_grad=True)
    assert gradcheck(lambda x: torch.relu(x) * torch.sin(x), (x,))
    assert not gradcheck(made(torch.sin, lambda i, o, g: 1.1 * g * torch.cos(i[0])), (x,), raise_exception=False)


def test_numpy_functions_with_a_jacobian() -> None:
    def f(x: Any, y: Any) -> Any:
        return np.maximum(x, y), np.sum(x * y)

    def jacobian(x: Any, y: Any) -> Any:
        first = (x > y) * 1.0
        return (np.diag(first), np.diag(wrong - first)), (y, x)

    wrong, inputs = 1.0, (np.array([0.0, 1.0]), np.array([0.0, 2.0]))
    assert gradcheck(f, inputs) and gradcheck(f, inputs, jacobian=jacobian)
    wrong = 1.2
    with pytest.raises(AssertionError, match=r"output 0, entry \[0\], by input 1, entry \[0\]"):
        gradcheck(f, inputs, jacobian=jacobian)
    with pytest.raises(ValueError, match="jacobian must return an array of the shape"):
        gradcheck(f, inputs, jacobian=lambda x, y: x)
    with pytest.raises(ValueError, match="jacobian is for NumPy functions"):
        gradcheck(torch.relu, (TIED,), jacobian=jacobian)


def test_jax_functions() -> None:
    import jax
    import jax.numpy as jnp

    @jax.custom_vjp
    def own(x: Any) -> Any:
        return jnp.maximum(x, 0) ** 2 + jnp.abs(x)

    own.defvjp(lambda x: (own(x), x), lambda x, g: (g * (2 * jnp.maximum(x, 0) + slope * jnp.sign(x + tie)),))
    slope, tie = 1.0, 0.0
    with jax.enable_x64(True):
        x = {"w": jnp.array([0.0, 1.0])}
        assert gradcheck(lambda x, k: jax.nn.relu(x["w"]) * k, (x, 3), check_forward_ad=True)
        assert gradcheck(lambda x: own(x["w"]), (x,))
        slope = 2.0
        with pytest.raises(AssertionError, match=r"^output 0, entry \[1\], by input 0\['w'\], entry \[1\]"):
            gradcheck(lambda x: own(x["w"]), (x,))
        slope, tie = 1.0, 1e-9
        assert gradcheck(lambda x: own(x["w"]), (x,))


def _differentiated(
    backward: Any, forward: Any = lambda x: x.abs() * 2, undefined: bool = False, **members: Any
) -> Any:
    """An operation of x with a backward, and with other members of its class."""
    setup = {"setup_context": staticmethod(lambda ctx, inputs, out: ctx.set_materialize_grads(not undefined))}
    made = {"forward": staticmethod(forward), "backward": staticmethod(backward), **setup, **members}
    return type("Differentiated", (torch.autograd.Function,), made).apply


def test_the_options_of_torchs_own_gradcheck() -> None:
    """Where torch refuses an operation for one of them, so do we; without it both accept."""
    x = double(0.3, 1.2)
    calls = iter(range(100))
    once_more = _differentiated(lambda ctx, g: g * (2 + 1e-9 * next(calls)))
    given_both = _differentiated(lambda ctx, a, b: None if a is None or b is None else 2 * a + b,
                                 lambda x: (2 * x, x.abs()), undefined=True)
    not_none = _differentiated(lambda ctx, g: 2 * torch.ones(2) if g is None else 2 * g, undefined=True)
    is_given = _differentiated(lambda ctx, g: 2.0 * g, undefined=True)
    on_one = _differentiated(lambda ctx, g: 2 * g if g.abs().sum() < 1e9 else g, generate_vmap_rule=True)
    cases: list[tuple[Any, dict[str, Any], dict[str, Any], str]] = [
        (once_more, {}, {"nondet_tol": 1e-6}, "in a second call"),
        (not_none, {}, {"check_undefined_grad": False}, "gives 2 by input 0, entry .0., where no output has"),
        (is_given, {}, {"check_undefined_grad": False}, "reverse mode does not run where"),
        (on_one, {"check_batched_grad": True}, {}, "does not run under vmap"),
    ]
    for f, refused, accepted, said in cases:
        with pytest.raises(AssertionError, match=said):
            gradcheck(f, (x,), **refused)
        assert gradcheck(f, (x,), **accepted)
        with pytest.raises((GradcheckError, TypeError)):
            torch.autograd.gradcheck(f, (x,), **refused)
        assert torch.autograd.gradcheck(f, (x,), **accepted)
    for check in (gradcheck, torch.autograd.gradcheck):
        assert not check(given_both, (x,), check_undefined_grad=False, raise_exception=False)
    every = {"check_grad_dtypes": True, "check_batched_grad": True, "check_batched_forward_grad": True, "masked": False}
    for right in (torch.sin, lambda x: (x * x.sum(), x[:1].exp())):
        assert gradcheck(right, (x,), check_forward_ad=True, **every)


def test_forward_mode_alone_is_right_by_itself() -> None:
    """A wrong reverse mode that agrees with it is no proof."""
    twice = {"setup_context": staticmethod(lambda ctx, inputs, out: None), "jvp": staticmethod(lambda ctx, t: 2 * t)}
    wrong = _differentiated(lambda ctx, g: 2 * g, lambda x: x.abs(), **twice)
    right = _differentiated(lambda ctx, g: g, **twice)
    alone = {"check_forward_ad": True, "check_backward_ad": False}
    with pytest.raises(AssertionError, match="forward mode gives 2, differences give 1"):
        gradcheck(wrong, (double(0.3, 1.2),), **alone)
    assert gradcheck(right, (double(0.3, 1.2),), **alone)
    with pytest.raises(AssertionError, match="reverse mode gives 1, differences give 2"):
        gradcheck(right, (double(0.3, 1.2),))


def test_results_of_jax_in_containers() -> None:
    import jax
    import jax.numpy as jnp

    x = jnp.ones(1)
    every = {"check_batched_grad": True, "check_forward_ad": True, "check_batched_forward_grad": True}
    assert gradcheck(lambda x: {"a": 2 * x, "b": [x, x > 0]}, (x,), fast_mode=True, **every)

    @jax.custom_vjp
    def wrong(x: Any) -> Any:
        return {"a": x**2, "b": jnp.abs(x)}

    wrong.defvjp(lambda x: (wrong(x), x), lambda x, g: (2 * x * g["a"] + 2 * g["b"],))
    with pytest.raises(AssertionError, match=r"^output 'b', entry \[0\], by input 0, entry \[0\]: reverse mode"):
        gradcheck(wrong, (x,))


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="no input requires a gradient"):
        gradcheck(torch.relu, (torch.zeros(2),))
    with pytest.raises(ValueError, match="no output requires a gradient"):
        gradcheck(lambda x: x.detach(), (TIED,))
    with pytest.raises(ValueError, match="undecided must be one of"):
        gradcheck(torch.relu, TIED, undecided="pass")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="a second call of f returned other values"):
        gradcheck(lambda x: x * torch.rand(3), SMOOTH)
    with pytest.raises(an.DomainError, match=r"output 0, entry \[1\]"):
        gradcheck(torch.log, double(1.0, -1.0))
    with pytest.raises(ValueError, match="dense and real"):
        gradcheck(torch.abs, torch.zeros(2, dtype=torch.complex128, requires_grad=True))


def test_what_is_empty_is_right() -> None:
    assert gradcheck(torch.relu, torch.zeros(0, requires_grad=True))
    assert gradcheck(lambda x: (x[:0], torch.relu(x)), TIED)


def test_nothing_is_left_behind() -> None:
    state = torch.random.get_rng_state()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert gradcheck(torch.relu, TIED)
    assert TIED.grad is None and torch.equal(state, torch.random.get_rng_state())
