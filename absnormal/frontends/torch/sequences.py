"""Rules for sequences and bags of rows: embedding bags, products of groups of rows, alignments, affine grids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from absnormal.arrays import Array
from absnormal.frontends.meanings import smoothness
from absnormal.frontends.meanings.grids import sampled
from absnormal.frontends.meanings.movements import added
from absnormal.frontends.meanings.windows import folds
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.torch.opaque import Kernel, Slot, Whole
from absnormal.frontends.torch.reductions import taking
from absnormal.frontends.torch.writer import Arg, Rule, Writer


def _embedding_bag(
    w: Writer, weight: Arg, index: Arg, offsets: Arg, /, mode: int = 0, per_sample_weights: Arg | None = None,
    include_last_offset: bool = False, padding_idx: int = -1,
) -> list[Any]:
    """Sums (mode 0), means (1) or maxima (2) of the rows of a table, bag by bag; rows of padding do not count."""
    rows, starts = index.array.astype(int), offsets.array.astype(int)
    ends = np.append(starts[1:], len(rows))
    if include_last_offset:
        starts, ends = starts[:-1], starts[1:]
    bags = np.full(len(rows), -1)
    for bag, (start, end) in enumerate(zip(starts, ends, strict=True)):
        bags[start:end] = bag
    bags[rows == padding_idx] = -1
    count, width = len(starts), weight.shape[1]
    if mode == 2:
        return [_largest(w, weight.node, rows, bags, count, width)]
    taken = w.gather(weight.node, rows[:, None] * width + np.arange(width))
    if per_sample_weights is not None:
        taken = w.mul(taken, w.reshape(per_sample_weights.node, (len(rows), 1)))
    where = np.where(bags[:, None] < 0, -1, bags[:, None] * width + np.arange(width))
    total = added(w, w.constant(np.zeros((count, width))), where, taken)
    if mode == 0:
        return [total]
    sizes = np.maximum(np.bincount(bags[bags >= 0], minlength=count), 1)
    return [w.div(total, w.constant(sizes[:, None].astype(float)))]


def _largest(w: Writer, table: int, rows: Array, bags: Array, count: int, width: int) -> int:
    """The largest entries of the rows in every bag, 0 where it has none; ties take the row that the kernel returned."""
    most = int(np.bincount(bags[bags >= 0], minlength=1).max())
    members = np.full((max(most, 1), count), -1)
    for bag in range(count):
        own = rows[bags == bag]
        members[: len(own), bag] = own
    empty = np.asarray((members < 0).all(axis=0))
    size = w.shape(table)[0] * width
    index = np.where(members[..., None] < 0, -1, members[..., None] * width + np.arange(width))
    index[0, empty] = size
    flat = w.concatenate([w.reshape(table, (size,)), w.constant(np.zeros(1))], 0)
    chosen = w.returned[3].cpu().numpy()
    held = (np.where(empty[:, None], 0, chosen) * width + np.arange(width)).reshape(-1)

    def slopes(columns: Array, block: Array) -> Array:
        return taking((block == held[columns]).argmax(axis=0), len(block), 1)

    found = folds(w, flat, index.reshape(len(index), -1), 1, lambda columns, block: partial(slopes, columns, block))
    return w.reshape(found, (count, width))


def _grouped_products(w: Writer, a: Arg, b: Arg, /, offs: Arg | None = None, bias: Arg | None = None) -> int:
    """Products of runs of rows, or of columns, with a matrix each; the runs end where the offsets say."""
    if offs is None:
        made = w.matmul(a.node, b.node)
        return made if bias is None else w.add(made, bias.node)
    ends = offs.array.astype(int)
    runs = [slice(start, end) for start, end in zip((0, *ends[:-1]), ends, strict=True)]
    parts = []
    for group, run in enumerate(runs):
        first, second = a.node, b.node
        if len(a.shape) == 3:
            first = w.index(first, (group,))
            second = w.index(second, (slice(None), run))
        elif len(b.shape) == 3:
            first, second = w.index(first, (run,)), w.index(second, (group,))
        else:
            first, second = w.index(first, (slice(None), run)), w.index(second, (run,))
        made = w.matmul(first, second)
        parts.append(made if bias is None else w.add(made, w.index(bias.node, (group,))))
    if len(a.shape) == len(b.shape) == 2:
        return w.stack(parts, 0)
    axis = 1 if len(a.shape) == 3 else 0
    last = w.shape(parts[0])[axis] if not runs else int(ends[-1])
    rest = tuple(w.record.out.shape)[axis] - last
    if rest:
        shape = [*w.shape(parts[0])]
        shape[axis] = rest
        parts.append(w.constant(np.zeros(shape)))
    return w.concatenate(parts, axis)


@dataclass(frozen=True, kw_only=True)
class Alignments(Kernel):
    """Minus the logarithm of the probability of all alignments, of logarithms (copies, steps, labels).

    Torch's derivative is that by what log_softmax was taken of, so it is e^x more than that by the logarithms.
    """

    lengths: tuple[int, ...]

    def jacobian(self, args: Sequence[Array], own: int) -> Array:
        (logs,) = args
        inside = np.arange(logs.shape[1]) < np.reshape(self.lengths, (-1, 1))
        more = np.where(inside[..., None], np.exp(logs), 0.0)
        return np.asarray(super().jacobian(args, own) - more.reshape(len(logs), 1, -1))

    def _run(self, given: Sequence[Any]) -> Any:
        return super()._run([given[0].transpose(0, 1)])


def _ctc_loss(
    w: Writer, logs: Arg, targets: Arg, /, input_lengths: Any, target_lengths: Any, blank: int = 0,
    zero_infinity: bool = False,
) -> list[Any]:
    given, wanted = (
        tuple(int(size) for size in (sizes.array if isinstance(sizes, Arg) else sizes))
        for sizes in (input_lengths, target_lengths)
    )
    labels = targets.array.astype(int)
    kernel = Alignments(
        name="ctc_loss", batch=1, operation="aten::_ctc_loss.default", place=0, eps=w.builder.unit, named=(),
        where=smoothness.everywhere, lengths=given,
        args=(Slot(0), Whole(tuple(labels.reshape(-1).tolist()), labels.shape), given, wanted, blank, zero_infinity))
    single = len(logs.shape) == 2
    copies = w.reshape(logs.node, (1, *logs.shape)) if single else w.transpose(logs.node, (1, 0, 2))
    return [w.reshape(w.op("opaque", copies, function=kernel), tuple(w.record.outs[0].shape)), None]


def _affine_grid(w: Writer, theta: Arg, /, size: Sequence[int], align_corners: bool) -> int:
    """Affine maps of the coordinates of the pixels, which are those of torch for the map that changes nothing."""
    axes = theta.shape[1]
    same = torch.eye(axes, axes + 1, dtype=torch.float64)[None]
    plain = torch.ops.aten.affine_grid_generator(same, [1, *size[1:]], align_corners).reshape(-1, axes).numpy()
    places = np.concatenate([plain, np.ones((len(plain), 1))], axis=1)
    return w.reshape(w.matmul(w.constant(places), w.swap(theta.node, 1, 2)), tuple(w.record.out.shape))


#: What torch's numbers of modes and of paddings are called.
_MODES, _PADDINGS = ("linear", "nearest", "cubic"), ("zeros", "border", "reflection")


def _refuse_near(w: Writer, coordinates: Any, size: int, corners: bool) -> None:
    """Where rounding of the kernel's decides in which cell a coordinate lies, nobody knows which one it took."""
    exact = coordinates.double()
    found = []
    for x in (exact, coordinates):
        one, half = torch.ones((), dtype=x.dtype), size / 2
        found += [(x + one) / 2 * (size - 1), (x + one) * ((size - 1) / 2)] if corners else [
            ((x + one) * size - 1) / 2, (x + one) * half - 0.5]
    near = (found[0] - found[0].round()).abs() <= 16 * w.builder.unit * (found[0].abs() + size)
    whole = torch.stack([(at.double() == found[0].round()) for at in found]).all(0)
    if bool((near & ~whole).any()):
        w.refuse("has a coordinate within rounding of a pixel", "move the point, or compute in double precision")


def _grid_sample(
    w: Writer, x: Arg, grid: Arg, /, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> int:
    """Samples between pixels, with kinks where a coordinate is whole."""
    if interpolation_mode != 1:
        for axis, size in enumerate(reversed(x.shape[2:])):
            _refuse_near(w, grid.here[..., axis], size, align_corners)
    write = w.entrywise
    image, places = (TracedArray(w.builder, side.node) for side in (x, grid))
    coordinates: Any = places if grid.varied else grid.array.astype(float)
    made = sampled(write, image, coordinates, _MODES[interpolation_mode], _PADDINGS[padding_mode], align_corners, False)
    return int(made.index)


RULES: dict[str, Rule] = {
    "_embedding_bag": _embedding_bag, "_grouped_mm": _grouped_products, "_ctc_loss": _ctc_loss,
    "affine_grid_generator": _affine_grid, "grid_sampler_2d": _grid_sample, "grid_sampler_3d": _grid_sample,
    "_grid_sampler_2d_cpu_fallback": _grid_sample,
}  # fmt: skip
