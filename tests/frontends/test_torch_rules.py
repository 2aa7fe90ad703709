"""Does every rule of an ATen operation read all of its arguments and tell all of its results, or refuse by name?

The whole table is held against torch's own schemas; then what used to be passed over, case by case.
"""

from __future__ import annotations

import dis
import inspect
from collections import defaultdict
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

import pytest
import torch
import torch.nn.functional as F

import absnormal as an
from absnormal.frontends.torch import arguments
from absnormal.frontends.torch.arguments import ASIDE, parameters, reading
from absnormal.frontends.torch.rules import RULES
from absnormal.frontends.torch.unknown import REASONS

D = torch.float64

pytestmark = pytest.mark.filterwarnings("ignore:Sparse CSR tensor support")

#: Arguments that are refused where they are not at their default.
REFUSED = {("_scaled_dot_product_flash_attention", f"{name}_descale") for name in "qkv"}


def overloads(name: str) -> Iterator[Any]:
    """The overloads of an operation, in place or not, that take and give tensors."""
    name = name.removeprefix("complex.")
    for spelled in (name, name + "_"):
        packet = getattr(torch.ops.aten, spelled, None)
        for overload in () if packet is None else packet.overloads():
            func = getattr(packet, overload)
            schema = func._schema
            plain = not any(a.is_out or "Dimname" in str(a.type) or "Dict" in str(a.type) for a in schema.arguments)
            kinds = [[str(item.type) for item in items] for items in (schema.arguments, schema.returns)]
            if plain and all(any("Tensor" in kind for kind in own) for own in kinds):
                yield func


def loaded(code: CodeType) -> set[str]:
    """The names that a function reads."""
    found: set[str] = set()
    for step in dis.get_instructions(code):
        if "STORE" not in step.opname and step.argval is not None:
            found |= {*step.argval} if isinstance(step.argval, tuple) else {step.argval}
    return found.union(*(loaded(item) for item in code.co_consts if isinstance(item, CodeType)))


@pytest.mark.parametrize("name", RULES)
def test_every_argument_is_read_or_refused(name: str) -> None:
    rule = RULES[name]
    leading, _ = parameters(rule)
    given = inspect.signature(rule).parameters
    funcs = [*overloads(name)]
    assert funcs, "torch has no such operation"
    aside = set()
    for func in funcs:
        held = reading(func, name)
        aside |= held.aside
        if leading is None:
            assert {"args", "kwargs"} <= loaded(rule.__code__)
            continue
        first, further = func._schema.arguments[:leading], func._schema.arguments[leading:]
        assert {str(a.type).removeprefix("Optional[").rstrip("]") for a in first} <= {
            "Tensor", "number", "List[Tensor", "List[Optional[Tensor", "int", "float"}, func
        assert {(name, a) for a in held.unread.keys() - held.aside} <= REFUSED, func
        for argument in further:
            parameter = given.get(argument.name)
            if parameter is not None and argument.has_default_value():
                assert alike(parameter.default, argument.default_value), f"{func}: the default of {argument.name}"
    assert ASIDE.get(name, frozenset()) <= aside, "no such argument"
    if leading is not None:
        unused = [p for p in given if not p.startswith("_") and p not in loaded(rule.__code__)]
        assert not unused, f"declared, but not read: {unused}"


def alike(ours: Any, torchs: Any) -> bool:
    """Whether a default is torch's own; one number stands for as many as there are axes."""
    if isinstance(torchs, list):
        return [*ours] == torchs if isinstance(ours, tuple) else all(item == ours for item in torchs)
    return bool(ours == torchs)


def test_every_declared_argument_exists() -> None:
    """A rule that serves several operations declares the arguments of all of them."""
    declared, known = {}, defaultdict(set)
    for name, rule in RULES.items():
        declared[rule.__code__] = (name, parameters(rule)[1])
        known[rule.__code__] |= {a.name for func in overloads(name) for a in func._schema.arguments}
    for code, (name, names) in declared.items():
        assert names <= known[code], f"{name}: no operation has {sorted(names - known[code])}"


def test_an_argument_that_no_rule_reads_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def rule(w: Any, bias: Any, a: Any, b: Any, /, alpha: float = 1) -> int:
        full: int = arguments_of["addbmm"](w, bias, a, b, alpha=alpha)
        return full

    arguments_of = dict(RULES)
    monkeypatch.setitem(RULES, "addbmm", rule)
    arguments.reading.cache_clear()
    M, a, b = (torch.ones(*shape, dtype=D, requires_grad=True) for shape in ((3, 4), (2, 3, 5), (2, 5, 4)))
    assert an.torch.verify([M, a, b], lambda: torch.addbmm(M, a, b, alpha=0.5).sum())
    with pytest.raises(an.TraceError, match=r"torch.addbmm at .*test_torch_rules.py:\d+: has beta=0.5") as caught:
        an.torch.verify([M, a, b], lambda: torch.addbmm(M, a, b, beta=0.5).sum())
    assert "leave beta at its default" in caught.value.fix
    arguments.reading.cache_clear()


def weighted(y: Any) -> Any:
    return (y * torch.cos(torch.arange(y.numel(), dtype=D)).reshape(y.shape)).sum()


def variables(*shapes: tuple[int, ...]) -> list[Any]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, dtype=D, generator=generator).requires_grad_() for shape in shapes]


def right(call: Callable[..., Any], *given: Any) -> None:
    """The verdict on torch's gradient is CLARKE, also in float32 and for another batch of points."""
    for dtype in (D, torch.float32):
        own = [v.detach().to(dtype).requires_grad_() for v in given]
        report = an.torch.verify(own, lambda own=own: weighted(call(*own).double()))
        assert report.verdict is an.Verdict.CLARKE, report


FACTORS: dict[str, tuple[Callable[..., Any], list[tuple[int, ...]]]] = {
    "addbmm": (lambda m, a, b: torch.addbmm(m, a, b, beta=0.6, alpha=0.2), [(3, 4), (2, 3, 5), (2, 5, 4)]),
    "addbmm in place": (lambda m, a, b: (m * 1).addbmm_(a, b, beta=0.6, alpha=0.2), [(3, 4), (2, 3, 5), (2, 5, 4)]),
    "addbmm of one": (lambda m, a, b: m.addbmm(a, b, alpha=-2), [(3, 4), (1, 3, 5), (1, 5, 4)]),
    "addbmm broadcast": (lambda m, a, b: torch.addbmm(m, a, b, beta=3), [(4,), (2, 3, 5), (2, 5, 4)]),
    "baddbmm": (lambda m, a, b: torch.baddbmm(m, a, b, beta=0.6, alpha=0.2), [(2, 3, 4), (2, 3, 5), (2, 5, 4)]),
    "addmm": (lambda m, a, b: torch.addmm(m, a, b, beta=0, alpha=0.2), [(3, 4), (3, 5), (5, 4)]),
    "addmv": (lambda m, a, b: torch.addmv(m, a, b, beta=-1, alpha=0.2), [(3,), (3, 5), (5,)]),
    "addr": (lambda m, a, b: torch.addr(m, a, b, beta=-1, alpha=0.2), [(3, 5), (3,), (5,)]),
    "rsub": (lambda a, b: torch.rsub(a, b, alpha=0.3), [(3,), (3,)]),
    "sub of a number": (lambda a: torch.sub(a, 2.0, alpha=0.3), [(3,)]),
    "fill": (lambda x, y: (x * 2).fill_(y[0]), [(3,), (2,)]),
    "transposed convolution": (lambda x, k: F.conv_transpose1d(
        x, k, stride=2, padding=1, output_padding=2, dilation=4, groups=2), [(2, 2, 4), (2, 2, 3)]),
    "circular padding": (lambda x: F.pad(x, (1, 0, 2, 1), mode="circular"), [(2, 3, 4)]),
    "variance of a number": (lambda x: torch.softmax(x, 0) + x.cumsum(0) + x.amax(0) + x.logsumexp(0), [()]),
    "order of a number": (lambda x: x.topk(1, 0)[0] + x.cummax(0)[0] + x.kthvalue(1, 0)[0] + x.sort(0)[0], [()]),
    "nothing": (lambda x, y: torch.cat([x.prod(1), y.sum(1), torch.softmax(y, 1).sum(1)]) + 1, [(3, 0), (2, 0)]),
    "topk without order": (lambda x: x.topk(3, sorted=False)[0], [(7,)]),
    "embedding bag": (lambda t: F.embedding_bag(
        torch.tensor([0, 1, 3, 2, 1]), t, torch.tensor([0, 2, 5]), mode="mean", include_last_offset=True,
        padding_idx=3), [(4, 3)]),
}  # fmt: skip


@pytest.mark.parametrize("name", FACTORS)
def test_arguments_are_read(name: str) -> None:
    call, shapes = FACTORS[name]
    right(call, *variables(*shapes))


@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize("batch", [1, 2])
def test_further_results_of_group_norm(groups: int, batch: int) -> None:
    def call(x: Any, weight: Any, bias: Any) -> Any:
        results = torch.ops.aten.native_group_norm(x, weight, bias, batch, 6, 4, groups, 1e-5)
        return torch.cat([(o * o * o).reshape(-1) for o in results])

    x, weight, bias = variables((batch, 6, 4), (6,), (6,))
    right(call, x, weight, bias)


def test_a_further_result_without_a_rule_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    full = RULES["native_group_norm"]
    monkeypatch.setitem(
        RULES, "native_group_norm",
        lambda w, x, weight, bias, /, N, group, eps: full(w, x, weight, bias, N=N, group=group, eps=eps)[:1])
    arguments.reading.cache_clear()
    x, weight, bias = variables((2, 6, 4), (6,), (6,))

    def loss(used: int) -> Any:
        return torch.ops.aten.native_group_norm(x, weight, bias, 2, 6, 4, 3, 1e-5)[used].square().sum()

    assert an.torch.verify([x, weight, bias], lambda: loss(0))
    with pytest.raises(an.TraceError, match=r"py:\d+: gives several results, and number 2 is used"):
        an.torch.verify([x], lambda: loss(1))
    arguments.reading.cache_clear()


def test_views_of_parts_of_memory() -> None:
    base = torch.arange(1.0, 11.0, dtype=D)
    x = base[3:7].requires_grad_()
    for size, stride, offset in (((2, 2), (2, 1), 3), ((3, 2), (1, 2), 4), ((10,), (1,), 0), ((4,), (0,), 5)):
        report = an.torch.verify(x, lambda z=(size, stride, offset): weighted(x.as_strided(*z) ** 2))
        assert report.verdict is an.Verdict.CLARKE, report
    y = torch.arange(1.0, 7.0, dtype=D).reshape(2, 3).T.requires_grad_()
    assert an.torch.verify(y, lambda: weighted(y.as_strided((2, 2), (3, 1), 1) ** 2))


def test_ties_without_order_are_refused() -> None:
    x = torch.ones(4, dtype=D, requires_grad=True)
    with pytest.raises(an.TraceError, match="tied entries in no order"):
        an.torch.verify(x, lambda: weighted(x.topk(2, sorted=False)[0]))


def test_sparse_variables_are_refused() -> None:
    x = torch.eye(3, dtype=D).to_sparse_csr().requires_grad_()
    with pytest.raises(an.TraceError, match=r"layout torch\.sparse_csr"):
        an.torch.verify(x, lambda: x.to_dense().sum())


def test_arguments_that_a_rule_cannot_take_are_refused_with_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def rule(w: Any, x: Any, /) -> int:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setitem(RULES, "sin", rule)
    arguments.reading.cache_clear()
    x = torch.ones(2, dtype=D, requires_grad=True)
    with pytest.raises(an.TraceError, match=r"torch.sin at .*test_torch_rules.py:\d+: is not followed with these"):
        an.torch.verify(x, lambda: x.sin().sum())
    arguments.reading.cache_clear()


_V = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
_IMAGES = torch.arange(36.0).double().reshape(1, 1, 6, 6)
_PLACES = torch.tensor([[[0.3, 0.4]]], dtype=torch.float64)
NAMED: dict[str, Callable[[Any], Any]] = {
    "rounds": lambda x: torch.fake_quantize_per_tensor_affine(x, 0.1, 0, -128, 127),
    "rounds, ": lambda x: torch.fake_quantize_per_channel_affine(
        x[None].float(), torch.tensor([0.1]), torch.tensor([0], dtype=torch.int32), 0, -128, 127),
    "and jumps": lambda x: torch.fake_quantize_per_tensor_affine(
        x.float(), torch.tensor(0.1), torch.tensor(0), -128, 127),
    "most frequent": lambda x: torch.mode(x)[0],
    "holds constant": lambda x: torch.renorm(x[None], 2, 0, 1.0),
    "bits": lambda x: torch.frexp(x)[0],
    "drawn at random": lambda x: F.fractional_max_pool2d(
        _IMAGES * x[0], 2, output_size=(3, 3), _random_samples=_PLACES),
}


@pytest.mark.parametrize("reason", NAMED)
def test_what_has_no_rule_for_a_reason_says_so(reason: str) -> None:
    with pytest.raises(an.TraceError, match=reason) as caught:
        an.verify(lambda x: NAMED[reason](x).sum(), _V)
    assert caught.value.source is not None and "are not supported" not in str(caught.value)


def test_reasons_are_given_only_where_there_is_no_rule() -> None:
    assert not REASONS.keys() & RULES.keys()
