"""Operations on values that were detached, or computed under no_grad: what is known to be continuous, and what jumps.

No derivative shows that such an operation jumps, and its result is held constant only where it is constant near the
point.  Derivatives of kinks jump, and so do divisions by zero and what makes numbers of NaN or of infinity.  An
operation about which nothing is known is refused where something depends on its result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from absnormal.frontends.meanings import smoothness
from absnormal.frontends.torch.arguments import rule_name
from absnormal.frontends.torch.jumps import Ties, bent, compared, eps_of, never, plain_name, ties_of, whole, zero
from absnormal.frontends.torch.rules import RULES
from absnormal.frontends.torch.steps import Handle, Step
from absnormal.frontends.torch.tape import Record, Tape
from absnormal.frontends.torch.values import array

if TYPE_CHECKING:
    from absnormal.frontends.torch.following import Following


def _not_finite(x: Any, *args: Any, **kwargs: Any) -> tuple[bool, bool]:
    broken = not bool(torch.isfinite(x).all())
    return broken, broken


def _not_a_number(*args: Any, **kwargs: Any) -> tuple[bool, bool]:
    broken = any(bool(torch.isnan(arg).any()) for arg in args if isinstance(arg, torch.Tensor))
    return broken, broken


def _by_zero(a: Any, b: Any, *args: Any, **kwargs: Any) -> tuple[bool, bool]:
    return zero(b) if isinstance(b, torch.Tensor) else (False, False)


def _power(base: Any, exponent: Any, *args: Any, **kwargs: Any) -> tuple[bool, bool]:
    """0 to the power of 0 is 1; negative powers of 0 are infinite."""
    values, powers = (array(side) if isinstance(side, torch.Tensor) else np.asarray(side) for side in (base, exponent))
    moves = isinstance(exponent, torch.Tensor)
    tied = bool(((values == 0) & (powers <= 0 if moves else powers < 0)).any())
    return tied, tied


def _cut(y: Any, x: Any, *args: Any, **kwargs: Any) -> tuple[bool, bool]:
    """The angle of a point jumps where the point passes to the left of the origin."""
    tied = bool(((y == 0) & (x <= 0)).any())
    return tied, tied


def _turning(z: Any) -> tuple[bool, bool]:
    """The angle of a complex number; see `_cut`."""
    parts = array(z)
    return _cut(parts[..., 1], parts[..., 0])


def _nearest(x: Any, grid: Any, mode: int, padding: int, corners: bool) -> tuple[bool, bool]:
    """The nearest pixel jumps half way between two."""
    found = [(False, False)]
    for axis, size in enumerate(reversed(x.shape[2:])) if mode == 1 else ():
        at = array(grid[..., axis]).astype(float) + 1
        at = at / 2 * (size - 1) if corners else (at * size - 1) / 2
        found.append(whole(at + 0.5, 4 * size * eps_of(grid)))
    return any(here for here, _ in found), any(near for _, near in found)


def _counting(x: Any, order: Any = 2, *args: Any, **kwargs: Any) -> tuple[bool, bool]:
    """The norm of order 0 counts the entries that are not 0."""
    return zero(x) if order == 0 else (False, False)


def _counting_differences(a: Any, b: Any, order: Any = 2, *args: Any, **kwargs: Any) -> tuple[bool, bool]:
    """The distance of order 0 counts the entries that differ; between rows, it is one of all pairs."""
    if order != 0:
        return False, False
    return compared(a.unsqueeze(-2), b.unsqueeze(-3)) if kwargs.get("rows") else compared(a, b)


def _times_log(x: Any, y: Any) -> tuple[bool, bool]:
    """x log(y) is 0 at x = 0, also where the logarithm is infinite."""
    tied = bool(((torch.as_tensor(x) == 0) & (torch.as_tensor(y) == 0)).any())
    return tied, tied


def _unless(where: Callable[..., bool], asked: Callable[..., bool] = lambda *args: True) -> Ties:
    """Factors, vectors and pseudo-inverses of a matrix, if they are asked for, jump where they are not smooth."""
    def test(a: Any, *args: Any, **kwargs: Any) -> tuple[bool, bool]:
        tied = asked(*args) and not where(eps_of(a), array(a).astype(float))
        return tied, tied

    return test


#: Operations that jump, though no derivative shows it, with a test of whether they do so at the point.
LEAPS: dict[str, Ties] = {
    "nan_to_num": _not_finite, "nansum": _not_a_number, "fmax": _not_a_number, "fmin": _not_a_number,
    "div": _by_zero, "true_divide": _by_zero, "reciprocal": zero, "pow": _power, "atan2": _cut,
    "linalg_vector_norm": _counting, "norm": _counting, "dist": _counting_differences, "xlogy": _times_log,
    "special_xlog1py": lambda x, y: _times_log(x, torch.as_tensor(y) + 1), "linalg_qr": _unless(smoothness.reflected),
    "_linalg_eigh": _unless(smoothness.apart, lambda half="L", vectors=True: bool(vectors)),
    "_linalg_svd": _unless(smoothness.singular_apart, lambda full=False, vectors=True, *args: bool(vectors)),
    "angle": _turning, "grid_sampler_2d": _nearest, "grid_sampler_3d": _nearest,
    "linalg_pinv": _unless(smoothness.full_rank), "linalg_lstsq": _unless(smoothness.full_rank),
    "_cdist_forward": lambda a, b, order, *args: _counting_differences(a, b, order, rows=True),
    # What these keep for their derivatives does not jump.
    **dict.fromkeys((
        "nll_loss_forward", "nll_loss2d_forward", "native_layer_norm", "native_group_norm", "native_batch_norm",
        "_native_batch_norm_legit", "_native_batch_norm_legit_functional", "_native_batch_norm_legit_no_training",
        "_batch_norm_with_update", "_fused_rms_norm", "log_sigmoid_forward", "mkldnn_rnn_layer",
        "_weight_norm_interface", "_ctc_loss", "_pack_padded_sequence",
        "_scaled_dot_product_flash_attention", "_scaled_dot_product_flash_attention_for_cpu",
    ), never),
}  # fmt: skip

#: Continuous operations that no rule writes, because they have no derivative here: kernels of derivatives, and others.
_CONTINUOUS = frozenset({
    f"{name}_backward" for name in (
        "_adaptive_avg_pool2d", "_adaptive_avg_pool3d", "_efficient_attention", "_embedding_bag",
        "_embedding_bag_dense", "_embedding_bag_per_sample_weights", "_flash_attention", "_fused_rms_norm",
        "_scaled_dot_product_efficient_attention", "_scaled_dot_product_flash_attention",
        "_scaled_dot_product_flash_attention_for_cpu", "_upsample_bilinear2d_aa", "_upsample_nearest_exact1d",
        "_upsample_nearest_exact2d", "_weight_norm_interface", "adaptive_max_pool2d", "adaptive_max_pool3d",
        "avg_pool2d", "avg_pool3d", "batch_norm", "binary_cross_entropy", "convolution", "diagonal", "embedding_dense",
        "gelu", "glu", "huber_loss", "linear", "log_sigmoid", "logit", "masked_scatter", "max_pool2d_with_indices",
        "max_pool3d_with_indices", "mish", "mkldnn_rnn_layer", "mse_loss", "native_batch_norm", "native_dropout",
        "native_group_norm", "native_layer_norm", "nll_loss", "nll_loss2d", "reflection_pad1d", "reflection_pad2d",
        "reflection_pad3d", "replication_pad1d", "replication_pad2d", "replication_pad3d", "select", "sigmoid", "silu",
        "slice", "soft_margin_loss", "softplus", "tanh", "unfold", "upsample_bicubic2d", "upsample_bilinear2d",
        "upsample_linear1d", "upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d", "upsample_trilinear3d",
    )
} | {
    "_softmax_backward_data", "_log_softmax_backward_data", "_thnn_fused_lstm_cell_backward_impl",
    "normal", "uniform", "exponential", "log_normal", "cauchy", "geometric", "random", "bernoulli",
    "cumprod", "logcumsumexp", "col2im", "cross", "linalg_cross", "outer", "ger", "kron", "sinc", "special_entr",
    "special_erfcx", "special_i0e", "special_i1", "special_i1e", "i0", "digamma", "polygamma", "erfinv",
    "renorm", "logaddexp", "sum_to_size",
    "linalg_inv_ex", "linalg_solve_triangular", "triangular_solve", "_linalg_solve_ex", "_linalg_det",
    "_linalg_slogdet", "linalg_cholesky_ex", "cholesky_inverse", "cholesky_solve", "_linalg_eigvals",
    "set", "resize",
})  # fmt: skip


#: Operations on numbers that exchange rows, which their indices tell.
_EXCHANGING = frozenset({"linalg_lu_factor_ex", "linalg_lu"})


def leaps(record: Record) -> bool:
    """Whether the result of an operation on stopped values may jump."""
    name = plain_name(record)
    return name in LEAPS or name in _EXCHANGING or (rule_name(record) not in RULES and name not in _CONTINUOUS)


def is_held(record: Record) -> bool:
    """Whether an operation jumps where it is on stopped values only, for which the variables behind it are held."""
    return plain_name(record) in LEAPS and not bent(record)


def ties(step: Step, steps: Sequence[Step], tape: Tape) -> tuple[bool, bool] | None:
    """Whether an operation jumps at the point, and whether it may within rounding; None where nothing is known."""
    record = step.operation
    test = ties_of(record) or LEAPS.get(plain_name(record))
    if test is None:
        return None
    plain = [tape.value(a, step.number) if isinstance(a, torch.Tensor) else a for a in record.args]
    if record.name == "threshold_backward":
        plain[1] = _rectified(record.args[1], plain[1], step, steps, tape)
    return test(*plain, **record.kwargs)


def _rectified(arg: Any, value: Any, step: Step, steps: Sequence[Step], tape: Tape) -> Any:
    """What a relu was taken of, where an argument is its result: that is 0 on all of one side."""
    handle = step.handles.get(id(arg))
    made = None if handle is None else steps[handle[0]]
    if made is None or made.record is None or plain_name(made.record) not in ("relu", "clamp_min", "threshold"):
        return value
    return tape.value(made.record.args[0], made.number)


#: What is said of a tied jump by values of which some were detached: it is none of the others alone.
MIXED = (
    "is tied at this point by values of which some were detached, so that the others do not tell what it chooses",
    "detach all that it compares, or nothing of it",
)


def mixes(following: Following, handle: Handle) -> bool:
    """Whether a value was computed from variables and from values of variables at which derivatives end."""
    seen, stack = set(), [handle[0]]
    while stack:
        number = stack.pop()
        if number not in seen:
            seen.add(number)
            step = following.steps[number]
            if not step.apart and step.stopped and following.inputs(step.stopped):
                return True
            stack += step.needs()
    return False


def stopped_at(following: Following, steps: Sequence[int]) -> Iterator[Record]:
    """The operations that detached what some steps use; where these are not known, those that use it."""
    for number in steps:
        step = following.steps[number]
        if step.stopped and step.record is not None:
            known = [following.detaching[id(arg)] for arg in step.record.arguments if id(arg) in following.detaching]
            yield from known or [step.record]


def stopped_from(step: Step, steps: Sequence[Step]) -> list[int]:
    """The steps with derivatives from whose results a step takes values where these end."""
    found, stack = set[int](), [number for number, _ in step.stopped]
    while stack:
        number = stack.pop()
        if number not in found:
            found.add(number)
            stack += steps[number].needs() if steps[number].apart else []
    return [number for number in found if not steps[number].apart]
