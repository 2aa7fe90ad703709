"""A gradcheck that accepts kinks: differences where f is smooth, Clarke membership where it is not.

A library that runs `torch.autograd.gradcheck` in its tests writes

    from absnormal.testing import gradcheck

in its place, and takes its points at ties, too: zeros, equal entries, ends of clips.  An operation with a derivative of
its own (`torch.autograd.Function`, `torch.library.register_autograd`, `jax.custom_vjp`) is f itself:

    gradcheck(MyFunction.apply, (x, weight))

Its forward is followed where it is written in operations of the framework.  Where it is a kernel of its own it is
checked by differences alone, and at a kink nothing is proved, unless `absnormal.extend.rule` tells what the kernel
computes.
"""

from __future__ import annotations

import unittest
import warnings
from collections.abc import Callable
from itertools import chain
from typing import Any

import numpy as np

from absnormal.errors import UndecidedWarning
from absnormal.frontends.frameworks import map_of
from absnormal.testing.assertions import UNDECIDED, Undecided
from absnormal.testing.derivatives import Check

_DOUBLE = float(np.finfo(float).eps)
#: Steps and tolerances in double precision, those of torch.autograd.gradcheck.
_EPS, _ATOL, _RTOL = 1e-6, 1e-5, 1e-3
#: How many times the rounding of a central difference, eps^(2/3), coarser precisions may be off.
_COARSE = 10.0


def gradcheck(
    f: Callable[..., Any], inputs: Any, *, jacobian: Callable[..., Any] | None = None, eps: float | None = None,
    atol: float | None = None, rtol: float | None = None, raise_exception: bool = True, nondet_tol: float = 0.0,
    check_undefined_grad: bool = True, check_grad_dtypes: bool = False, check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False, check_forward_ad: bool = False, check_backward_ad: bool = True,
    fast_mode: bool = False, masked: bool | None = None, undecided: Undecided = "fail", seed: int = 0,
) -> bool:
    """Check the derivatives of f(*inputs), as torch.autograd.gradcheck and JAX's check_grads do, at kinks too.

    Where f is smooth the derivatives are compared with central differences.  Where a kink is active differences say
    nothing, and `absnormal.verify` proves whether the gradient of every entry of every output, and of a sum of the
    entries with random weights, is a Clarke gradient.  Derivatives that are written by hand, as in
    torch.autograd.Function, torch.library and jax.custom_vjp, are checked like all others.  The options are those of
    torch.autograd.gradcheck.

    Parameters
    ----------
    f
        a function of torch tensors, JAX arrays or NumPy arrays of any shapes, which returns one array or several, also
        in nested containers; outputs that are not differentiable are left out
    inputs
        its arguments, a tuple, or one array.  Torch's are checked with respect to the tensors that require a gradient,
        others with respect to all floating-point arrays
    jacobian
        for NumPy functions, a function of the same arguments that returns the derivative to be checked: an array of the
        shape of the output followed by that of the input, a tuple of them for several inputs, a tuple of these for
        several outputs; without it that of backward mode with the slopes of HIPS/autograd
    eps, atol, rtol
        the step of the differences, and how far derivatives may be from them: atol + rtol * |difference|.  In double
        precision 1e-6, 1e-5 and 1e-3, larger in single precision
    raise_exception
        whether a wrong derivative raises; else False is returned
    nondet_tol
        how far results, and what reverse mode gives, may lie from those of a second call
    check_undefined_grad
        check that a backward of torch's gives 0 or nothing where it gets no gradient
    check_batched_grad, check_batched_forward_grad
        check that reverse and forward mode give the same under vmap
    check_forward_ad, check_backward_ad
        the modes that are checked
    fast_mode
        compare along one random direction, and with random weights of the entries only
    check_grad_dtypes, masked
        change nothing: gradients have the types of their inputs in any case, and inputs are dense
    undecided
        what it means that neither could be proved at a kink: "fail", "warn" with an `absnormal.UndecidedWarning`, or
        "skip" the test
    seed
        of the random weights and directions

    Returns
    -------
    bool
        True; False where a derivative is wrong and ``raise_exception`` is False

    Raises
    ------
    AssertionError
        where a derivative is wrong: which output, which of its entries, by which input, and at a kink, or where a
        derivative is written by hand, the report with the lines behind it
    unittest.SkipTest
        where ``undecided="skip"`` asks for it
    DomainError
        where an output is NaN or infinite
    ValueError
        where nothing is differentiable or no mode is to be checked, where a second call of f returns other values, and
        for arguments that do not fit

    Examples
    --------
    >>> import numpy as np, absnormal as an
    >>> def f(x, y):
    ...     return np.maximum(x, y) * x
    >>> an.testing.gradcheck(f, (np.ones(2), np.ones(2)))            # a kink in every entry
    True
    >>> def f_jacobian(x, y):
    ...     return np.diag(x + np.maximum(x, y)), np.diag(x)
    >>> an.testing.gradcheck(f, (np.ones(2), np.ones(2)), jacobian=f_jacobian)
    Traceback (most recent call last):
        ...
    AssertionError: output 0, entry [0], by input 1, entry [0]: reverse mode gives no Clarke gradient
    NOT_CLARKE: proved: the gradient is not an element of the Clarke generalized gradient
    ...
    """
    __tracebackhide__ = True
    if undecided not in UNDECIDED:
        raise ValueError(f"undecided must be one of {', '.join(UNDECIDED)}, got {undecided!r}")
    if not (check_backward_ad or check_forward_ad):
        raise ValueError("check_backward_ad and check_forward_ad are both False, so that nothing is checked")
    given = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    checked = map_of(f, given, jacobian)
    if not checked.inputs.size or not checked.outputs.size:
        return True
    coarse = _COARSE * checked.eps ** (2 / 3)
    double = checked.eps <= _DOUBLE
    check = Check(
        checked, eps or (_EPS if double else checked.eps ** (1 / 3)), max(_ATOL, coarse) if atol is None else atol,
        max(_RTOL, coarse) if rtol is None else rtol, nondet_tol, check_backward_ad, fast_mode, seed,
    )
    modes = [
        *([check.reverse(check_undefined_grad, check_batched_grad)] if check_backward_ad else []),
        *([check.forward(check_batched_forward_grad)] if check_forward_ad else []),
    ]
    problem = next(chain.from_iterable(modes), None)
    if problem is None:
        return True
    if problem.open and undecided != "fail":
        if undecided == "skip":
            raise unittest.SkipTest(problem.text)
        warnings.warn(UndecidedWarning(problem.text), stacklevel=2)
        return True
    if raise_exception:
        raise AssertionError(problem.text)
    return False
