"""Linear forms: q * (a combination with constant coefficients), and their arithmetic.

Where products are followed (THEORY 7.7), there may also be coefficients that are combinations of inputs, in front of
|l_j| and of l_j of active switches: the key of such a term holds 1 + the number of the input.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from absnormal.active.arithmetic import spend

Key = tuple[str, int, int]
ONE: Key = ("one", 0, 0)
Factor = frozenset[tuple[Key, int]]
_NO_FACTOR: Factor = frozenset()
#: Terms that are copied in the time in which one is added.
_COPIED = 32
#: By switch, b and c of a sum of b |l_j| + c l_j.
Kinks = Mapping[int, tuple[Fraction, Fraction]]


class Form:
    """q * (sum of coefficient * key), with the sign and the value of q at x; ``kinks`` where products are followed and
    it is a sum of multiples of |l_j| and l_j alone."""

    __slots__ = ("factor", "kinks", "q", "terms")

    def __init__(
        self, terms: dict[Key, Fraction], factor: Factor = _NO_FACTOR, q: Fraction = Fraction(1),
        kinks: Kinks | None = None,
    ) -> None:
        self.terms, self.factor, self.q, self.kinks = terms, factor, q, kinks

    def _scaled(self, k: Fraction) -> Form:
        if k == 0 or not self.terms:
            return ZERO
        if k == 1:
            return self
        kinks = None if self.kinks is None else {j: (k * b, k * c) for j, (b, c) in self.kinks.items()}
        return Form({key: k * value for key, value in self.terms.items()}, self.factor, self.q, kinks)

    def __add__(self, other: Any) -> Any:
        if other is MIXED:
            return MIXED
        if not isinstance(other, Form):
            if other == 0:
                return self
            other = Form({ONE: Fraction(other)})
        if not other.terms:
            return self
        if not self.terms:
            return other
        if self.factor != other.factor:
            return MIXED
        spend(len(other.terms) + len(self.terms) // _COPIED)
        terms = dict(self.terms)
        for key, value in other.terms.items():
            total = terms[key] + value if key in terms else value
            if total:
                terms[key] = total
            else:
                terms.pop(key, None)
        return Form(terms, self.factor, self.q, self._kinks_with(other)) if terms else ZERO

    __radd__ = __add__

    def _kinks_with(self, other: Form) -> Kinks | None:
        if self.kinks is None or other.kinks is None:
            return None
        kinks = dict(self.kinks)
        for j, (b, c) in other.kinks.items():
            known = kinks.get(j, (Fraction(0), Fraction(0)))
            kinks[j] = known[0] + b, known[1] + c
        return kinks

    def _times(self, other: Form) -> Any:
        """The product of a combination of inputs and a sum of multiples of |l_j| and l_j, in either order."""
        for w, h in ((self, other), (other, self)):
            if h.kinks is not None and not w.factor and all(key[0] in ("one", "input") for key in w.terms):
                spend(2 * len(w.terms) * len(h.kinks))
                terms = {
                    (kind, j, 0 if key == ONE else 1 + key[1]): k * value
                    for j, sizes in h.kinks.items() for kind, k in zip(("abs", "form"), sizes, strict=True) if k
                    for key, value in w.terms.items()
                }
                return Form(terms) if terms else ZERO
        return MIXED

    def __sub__(self, other: Any) -> Any:
        return self + -other

    def __rsub__(self, other: Any) -> Any:
        return -self + other

    def __neg__(self) -> Form:
        kinks = None if self.kinks is None else {j: (-b, -c) for j, (b, c) in self.kinks.items()}
        terms = {key: -value for key, value in self.terms.items()}
        return Form(terms, self.factor, self.q, kinks) if terms else ZERO

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, (Form, _Mixed)):
            return self._times(other) if isinstance(other, Form) else MIXED
        return self._scaled(other if isinstance(other, Fraction) else Fraction(other))

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        return MIXED if isinstance(other, (Form, _Mixed)) else self._scaled(1 / Fraction(other))


class _Mixed:
    """What has no form: it becomes a generator."""

    def _absorb(self, other: Any = None) -> _Mixed:
        return self

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _absorb
    __neg__ = _absorb


MIXED = _Mixed()
ZERO = Form({}, kinks={})
