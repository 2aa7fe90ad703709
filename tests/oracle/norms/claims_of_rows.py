"""Claims that rest on rows: smooth, LIKQ, private directions, the even part, blocks apart."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from ..rational import Vector, dot, rank
from .drawn_forms import ZERO, Claimed, Drawn, definite, unit
from .form import Block, NormForm


def smooth(draw: Drawn) -> Claimed | None:
    """Every active base row is zero."""
    form = draw.form(draw.pick((1, 2, 3)), draw.pick((1, 2, 3)), 0.6)
    blocks = tuple(Block(tuple((ZERO,) * form.n for _ in block.R), block.L) for block in form.blocks)
    form = NormForm(form.n, blocks, form.J, form.Y)
    return form, draw.slopes(form)


def smooth_for_the_output(draw: Drawn) -> Claimed | None:
    """Wrong: the base rows of the blocks that the output reads are zero."""
    form = draw.form(draw.pick((1, 2)), draw.pick((2, 3, 4)), 0.6)
    reaching = [block.R for block, w in zip(form.blocks, form.Y, strict=True) if w]
    return (form, draw.slopes(form)) if not any(any(row) for r in reaching for row in r) else None


def likq(draw: Drawn) -> Claimed | None:
    """All active base rows together are independent."""
    form = draw.form(draw.pick((2, 3, 4)), draw.pick((1, 2, 2, 3)), 0.5)
    return (form, draw.slopes(form)) if form.independent else None


def likq_by_row_spaces(draw: Drawn) -> Claimed | None:
    """Wrong: the row spaces of the blocks are independent, rows within a block need not be."""
    form = draw.form(draw.pick((1, 2, 3)), draw.pick((2, 2, 3)), 0.5)
    return (form, draw.slopes(form)) if form.spaces_independent and not form.independent else None


def likq_of_first_rows(draw: Drawn) -> Claimed | None:
    """Wrong: one row of each block is counted."""
    form = draw.form(draw.pick((1, 2, 3)), draw.pick((1, 2, 3)), 0.3)
    if rank([block.R[0] for block in form.blocks]) < len(form.blocks) or form.independent:
        return None
    return form, draw.slopes(form)


def _private(
    draw: Drawn, *, twice: Callable[[Vector], bool] = lambda c: False, signs: tuple[int, ...] = (1, 1, 2),
    uniform: bool = True, reach_back: bool = False,
) -> Claimed | None:
    """Groups of blocks with private inputs of their own, added directly before the norms.

    ``twice`` says for a slope of a group whether chains may meet the group twice; ``signs`` are the factors of the
    inputs; ``reach_back`` lets inputs reach earlier groups too.
    """
    free = draw.pick((1, 1, 2))
    sizes = [draw.pick((1, 2)) for _ in range(draw.pick((1, 1, 2)))]
    n = free + sum(sizes)
    starts = [free + sum(sizes[:i]) for i in range(len(sizes))]
    c = [draw.slope(k, 0.5) for k in sizes]
    groups = sorted(draw.pick(range(len(sizes))) for _ in range(draw.pick((2, 2, 3))))
    blocks: list[Block] = []
    chains: list[set[int]] = []  # the groups that chains into a block have met
    slopes: list[Vector] = []
    for i, group in enumerate(groups):
        k, own = sizes[group], starts[group]
        factor = Fraction(draw.pick(signs))
        rows = []
        for entry in range(k):
            before, later = draw.row(own, (0, 0, 1, -1, 2)), draw.row(n - own - k, (0, 0, 1, -1, 2))
            private = [factor if p == entry else ZERO for p in range(k)]
            rows.append((*before, *private, *(later if reach_back else [ZERO] * len(later))))
        met: set[int] = set()
        links = [[ZERO] * i for _ in range(k)]
        for j in range(i):
            if draw.likely(0.5) and (group not in chains[j] or twice(c[group])):
                for entry in range(k):
                    links[entry][j] = Fraction(draw.pick((1, -1, 2, 0, -2)))
                if any(part[j] for part in links):
                    met |= chains[j]
        chains.append(met | {group})
        blocks.append(Block(tuple(rows), tuple(map(tuple, links))))
        slopes.append(c[group] if uniform else draw.slope(k, 0.5))
    form = NormForm(n, tuple(blocks), (ZERO,) * n, draw.row(len(blocks), (1, -1, 2, -2, 1, 0)))
    return form, tuple(slopes)


def private_directions(draw: Drawn) -> Claimed | None:
    """No chain meets a group twice."""
    return _private(draw)


def private_directions_twice_definite(draw: Drawn) -> Claimed | None:
    """Wrong: chains may meet a group with |c| = 1 twice."""
    return _private(draw, twice=definite)


def private_directions_twice(draw: Drawn) -> Claimed | None:
    """Wrong: chains may meet a group with |c| < 1 twice."""
    return _private(draw, twice=lambda c: not definite(c))


def private_directions_signed(draw: Drawn) -> Claimed | None:
    """Wrong: the inputs of a group are added with any sign."""
    return _private(draw, signs=(1, -1))


def private_directions_not_uniform(draw: Drawn) -> Claimed | None:
    """Wrong: slopes differ within a group."""
    return _private(draw, uniform=False)


def private_directions_reaching_back(draw: Drawn) -> Claimed | None:
    """Wrong: the inputs of a later group reach an earlier one."""
    return _private(draw, reach_back=True)


def layered(draw: Drawn, reach_back: bool = False, twice: bool = False) -> Claimed | None:
    """Private inputs of each depth, in any rows; on each depth c is the mean of what a few directions in these choose.

    ``twice`` lets a norm depend on norms of its own depth.
    """
    free, depths = draw.pick((0, 1)), draw.pick((1, 2, 2))
    sizes = [draw.pick((1, 2)) for _ in range(depths)]
    n = free + sum(sizes)
    blocks: list[Block] = []
    slopes: list[Vector] = []
    start, before = free, 0
    for own in sizes:
        d = draw.row(own, (1, -1, 3, 4, 0))
        chosen = draw.pick(([d], [d, tuple(-a for a in d)], [d, draw.row(own, (1, -1, 3, 4, 0))]))
        for _ in range(draw.pick((1, 2, 2))):
            k = draw.pick((1, 2, 2, 3))
            a = [draw.row(own, (0, 1, -1, 1, 2)) for _ in range(k)]
            found = [unit(tuple(dot(row, d) for row in a)) for d in chosen]
            c = [part for part in found if part is not None]
            if len(c) < len(found):
                return None
            last = n - start - own
            tail = draw.row(last, (0, 1, -1)) if reach_back else (ZERO,) * last
            rows = tuple((*draw.row(start), *row, *tail) for row in a)
            here = len(blocks) - before
            links = tuple((*draw.row(before, (0, 1, -1, 2)), *(draw.row(here) if twice else (ZERO,) * here)) for _ in a)
            blocks.append(Block(rows, links))
            slopes.append(tuple(sum(entries, ZERO) / len(c) for entries in zip(*c, strict=True)))
        start, before = start + own, len(blocks)
    return NormForm(n, tuple(blocks), (ZERO,) * n, draw.row(len(blocks), (1, -1, 2, -2))), tuple(slopes)


def layered_twice(draw: Drawn) -> Claimed | None:
    """Wrong: a norm may depend on norms of its own depth."""
    return layered(draw, twice=True)


def layered_reaching_back(draw: Drawn) -> Claimed | None:
    """Wrong: the inputs of a later depth reach an earlier one."""
    return layered(draw, reach_back=True)


def even_part(
    draw: Drawn, behind: bool = False, also: bool = False, c_of: Callable[[int], Vector] = lambda k: (ZERO,) * k
) -> Claimed | None:
    """c = 0 on the blocks N with a nonzero base row, none of which depends on an active one; the others have none."""
    n, m, own = draw.pick((1, 2, 2, 3)), draw.pick((2, 3, 3, 4)), draw.pick((1, 2, 2))
    blocks: list[Block] = []
    first = [i < own for i in range(m)]
    if behind:
        first[-1] = True
    for i in range(m):
        block = draw.block(n, (), 0.0)
        k = block.size
        links = tuple(tuple(Fraction(draw.pick((1, -1, 2, 0))) for _ in range(i)) for _ in range(k))
        none = tuple((ZERO,) * i for _ in range(k))
        rows = block.R if first[i] or also else tuple((ZERO,) * n for _ in range(k))
        blocks.append(Block(rows, none if first[i] and not (behind and i == m - 1) else links))
    form = NormForm(n, tuple(blocks), draw.row(n, (0, 1, -1)), draw.row(m, (1, -1, 2, -2)))
    return form, tuple(c_of(k) if first[i] else draw.slope(k) for i, k in enumerate(form.sizes))


def even_part_behind(draw: Drawn) -> Claimed | None:
    """Wrong: a block with a nonzero base row and slope 0 may depend on an active one."""
    return even_part(draw, behind=True)


def even_part_with_other_rows(draw: Drawn) -> Claimed | None:
    """Wrong: the others may have a nonzero base row."""
    return even_part(draw, also=True)


def even_part_with_other_slopes(draw: Drawn) -> Claimed | None:
    """Wrong: c is not 0 on N."""
    return even_part(draw, c_of=lambda k: draw.slope(k, 0.0))


def blocks_apart(draw: Drawn, dependent: bool = False) -> Claimed | None:
    """No couplings and independent row spaces: any slopes in the balls."""
    form = draw.form(draw.pick((1, 2, 3, 4)), draw.pick((1, 2, 2, 3)), 0.0)
    return (form, draw.slopes(form)) if form.spaces_independent != dependent else None


def blocks_apart_dependent(draw: Drawn) -> Claimed | None:
    """Wrong: the row spaces of the blocks may meet."""
    return blocks_apart(draw, dependent=True)
