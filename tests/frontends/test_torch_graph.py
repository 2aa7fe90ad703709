"""Is everything that had a part in torch's gradient and is not torch's own found behind the loss, and named?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd.graph import register_multi_grad_hook, save_on_cpu, saved_tensors_hooks
from torch.utils.checkpoint import checkpoint

import absnormal as an
from absnormal.frontends.torch import capture
from absnormal.frontends.torch.capture import of_closure
from absnormal.frontends.traced_call import TracedCall
from absnormal.torch import _variables

X = torch.linspace(-1, 1, 12).reshape(3, 4)
Case = tuple[Any, Callable[[], Any]]


class Twice(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x.clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *given: Any) -> Any:
        return 2 * given[0]


def captured(model: Any, closure: Callable[[], Any]) -> TracedCall:
    return of_closure(closure, *_variables(model))


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 2))


def doubled(given: Any) -> Any:
    return 2 * given


def seen(*given: Any) -> None:
    """A hook that changes nothing, which nothing shows."""


def between(act: Callable[[Any], Any]) -> Case:
    """A network, with something done to what its first layer returns."""
    model = network()

    def loss() -> Any:
        hidden = model[0](X)
        act(hidden)
        return model[2](hidden.relu()).sum()

    return model, loss


def before(act: Callable[[Any], Any]) -> Case:
    """A network, with something done to it before it runs."""
    model = network()
    act(model)
    return model, lambda: model(X).sum()


def under(context: Callable[[], Any]) -> Case:
    model = network()

    def loss() -> Any:
        with context():
            return model(X).sum()

    return model, loss


def hooked_and_overwritten(hidden: Any) -> None:
    hidden.register_hook(doubled)
    hidden.mul_(2)


def hooked_on_base(hidden: Any) -> None:
    hidden.register_hook(doubled)
    hidden.view(-1).mul_(2)


def written(act: Callable[[Any], Any]) -> Case:
    """A network whose last layer's output is written to before it is summed."""
    model = network()

    def loss() -> Any:
        out = model(X) * 2
        act(out)
        return out.sum()

    return model, loss


def without_grad(out: Any) -> None:
    with torch.no_grad():
        out.mul_(2)


def into_buffer(out: Any) -> None:
    """Writes that autograd sees, to memory that it did not differentiate before."""
    buffer = torch.ones(2, 3)
    buffer.mul_(3)
    buffer[:, :2] = out[:2]
    buffer[:, 2] = 5
    out += buffer[:, :2].sum()


def detached_in_place(out: Any) -> None:
    other = out * 3
    other.detach_()
    other.mul_(2)
    out += other


def packed_in_place() -> Case:
    model = network()

    def loss() -> Any:
        buffer = torch.ones(3, 5)
        with saved_tensors_hooks(lambda t: t, doubled):
            buffer[:2].mul_(model[0](X)[:2])
        return buffer.sum()

    return model, loss


def node_of_leaf(model: Any) -> Any:
    weight = model[0].weight
    model.node = weight.expand_as(weight).grad_fn.next_functions[0][0]
    model.node.register_hook(seen)


def scaled(kind: Any, **options: Any) -> Case:
    table = kind(5, 3, scale_grad_by_freq=True, **options)
    return table, lambda: table(torch.tensor([[1, 1, 2]])).sum()


def everywhere() -> Case:
    model = network()

    def loss() -> Any:
        handle = nn.modules.module.register_module_full_backward_hook(seen)
        try:
            return model(X).sum()
        finally:
            handle.remove()

    return model, loss


FOREIGN: dict[str, tuple[Callable[[], Case], str]] = {
    "Function": (lambda: between(lambda h: h.add_(Twice.apply(h))),
                 "a straight-through estimator: Twice at test_torch_graph"),
    "tensor": (lambda: between(lambda h: h.register_hook(doubled)), "a tensor hook: doubled at test_torch_graph"),
    "keyword": (lambda: between(lambda h: h.register_hook(hook=doubled)), "a tensor hook: doubled"),
    "overwritten": (lambda: between(hooked_and_overwritten), "a tensor hook: doubled"),
    "overwritten base": (lambda: between(hooked_on_base), "a tensor hook: doubled"),
    "several": (lambda: between(lambda h: register_multi_grad_hook((h,), seen)), "a multi-grad hook: seen"),
    "any": (lambda: between(lambda h: register_multi_grad_hook((h,), seen, mode="any")), "a tensor hook: seen"),
    "node": (lambda: between(lambda h: h.grad_fn.register_hook(seen)), "a hook on a node of the graph: seen"),
    "before node": (lambda: between(lambda h: h.grad_fn.register_prehook(seen)), "a hook on a node of the graph: seen"),
    "saved": (lambda: between(lambda h: h.exp_().grad_fn._raw_saved_result.register_hooks(doubled, doubled)),
              "saved-tensor hooks: doubled"),
    "leaf": (lambda: before(lambda m: m[0].weight.register_hook(doubled)), "a tensor hook: doubled"),
    "accumulated": (lambda: before(lambda m: m[0].bias.register_post_accumulate_grad_hook(seen)), "a tensor hook"),
    "leaf node": (lambda: before(node_of_leaf), "a hook on a node of the graph: seen"),
    "module": (lambda: before(lambda m: m[0].register_full_backward_hook(seen)), "a module backward hook on `0`"),
    "before module": (lambda: before(lambda m: m[2].register_full_backward_pre_hook(seen)),
                      "a module backward hook on `2`"),
    "not full": (lambda: before(lambda m: m[1].register_backward_hook(seen)), "a module backward hook on `1`"),
    "every module": (everywhere, "a module backward hook on `2`"),
    "packed": (lambda: under(lambda: saved_tensors_hooks(doubled, doubled)), "saved-tensor hooks: doubled"),
    "packed in place": (packed_in_place, "saved-tensor hooks: doubled"),
    "checkpoint": (lambda: (model := network(), lambda: checkpoint(model, X, use_reentrant=False).sum()),
                   "a checkpoint, which computes again"),
    "no_grad": (lambda: written(without_grad), "mul_ at test_torch_graph"),
    "data": (lambda: written(lambda out: out.data.mul_(2)), "overwrites values unseen by autograd"),
    "alias": (lambda: written(lambda out: out.detach()[0].zero_()), "overwrites values unseen by autograd"),
    "scaled": (lambda: scaled(nn.Embedding), "scale_grad_by_freq of an embedding at test_torch_graph"),
    "scaled bag": (lambda: scaled(nn.EmbeddingBag, mode="sum"), "scale_grad_by_freq of an embedding"),
}  # fmt: skip

OWN: dict[str, Callable[[], Case]] = {
    "network": lambda: before(seen),
    "retained": lambda: between(lambda h: h.retain_grad()),
    "removed": lambda: between(lambda h: h.register_hook(doubled).remove()),
    "elsewhere": lambda: between(lambda h: (h * 2).register_hook(doubled)),
    "looked at": lambda: between(lambda h: h.grad_fn.next_functions),
    "in place": lambda: between(lambda h: h[:2].mul_(2)),
    "buffer": lambda: written(into_buffer),
    "detached": lambda: written(detached_in_place),
    "seen": lambda: written(lambda out: out[0].mul_(3)),
    "on the host": lambda: under(save_on_cpu),
    "unused": lambda: between(lambda h: Twice.apply(h)),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_what_is_not_the_framework_s_own_is_named(name: str) -> None:
    build, phrase = FOREIGN[name]
    assert any(phrase in one for one in captured(*build()).foreign)


@pytest.mark.parametrize("name", OWN)
def test_what_has_no_part_in_the_gradient_is_not(name: str) -> None:
    assert captured(*OWN[name]()).foreign == ()


def test_the_note_names_the_cause_or_says_that_none_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    w = torch.tensor([0.0, 2.0], dtype=torch.float64, requires_grad=True)

    def loss() -> Any:
        return (Twice.apply(w) + F.relu(w)).sum()

    report = an.torch.verify(w, loss)
    assert report.verdict is an.Verdict.NOT_CLARKE and "Twice at test_torch_graph" in report.notes[-1]
    monkeypatch.setattr(capture, "foreign", lambda graph, tape, names: ())
    report = an.torch.verify(w, loss)
    assert report.verdict is an.Verdict.NOT_CLARKE and "no derivative code but its own was found" in report.notes[-1]


def test_looking_for_hooks_leaves_none() -> None:
    model, loss = before(node_of_leaf)
    for _ in range(2):
        assert len(captured(model, loss).foreign) == 1


def test_backward_is_the_one_that_fills_all_leaves() -> None:
    """Hooks on leaves that are not asked for run too; what is in .grad stays."""
    model, ran = network(), []
    model[0].weight.register_hook(lambda given: ran.append(given.shape))
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    found = captured([model[2].weight], lambda: F.relu(model(X)).sum())
    assert ran == [model[0].weight.shape] and len(found.foreign) == 1
    assert all((parameter.grad == 1).all() for parameter in model.parameters())


@pytest.mark.parametrize("frozen", [False, True])
def test_a_reentrant_checkpoint_is_refused(frozen: bool) -> None:
    model, x = network().requires_grad_(not frozen), X.clone().requires_grad_()
    head = nn.Linear(2, 1)
    with pytest.raises(an.TraceError, match="use_reentrant=False"):
        an.torch.verify([x] if frozen else nn.ModuleList([model, head]),
                        lambda: head(checkpoint(model, x, use_reentrant=True)).sum())
