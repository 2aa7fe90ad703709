"""Are order statistics of torch right where entries tie, for the entries that its kernels take?"""

import numpy as np
import pytest
import torch

import absnormal as an

WEIGHTS = torch.tensor([1.0, 2.0, -1.0, 0.5, 3.0, -2.0], dtype=torch.float64)


def weighted(values):
    return (values.reshape(-1) * WEIGHTS[: values.numel()]).sum()


FUNCTIONS = {
    "sort": lambda x: weighted(x.sort().values),
    "sort, descending": lambda x: weighted(x.sort(descending=True).values),
    "sort, columns": lambda x: weighted(x.reshape(2, 3).sort(0).values),
    "topk": lambda x: weighted(x.topk(3).values),
    "topk, smallest": lambda x: weighted(x.topk(3, largest=False).values),
    "topk, rows": lambda x: weighted(x.reshape(2, 3).topk(2, 1).values),
    "kthvalue": lambda x: x.kthvalue(3).values,
    "kthvalue, columns": lambda x: weighted(x.reshape(2, 3).kthvalue(2, 0, keepdim=True).values),
    "median": lambda x: weighted(x.reshape(2, 3).median(1).values),
}
POINTS = ([3.0, 1.0, 5.0, 0.0, 2.0, 4.0], [1.0, 0.0, 1.0, 1.0, 0.0, 2.0], [1.0] * 6)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_gradient_is_in_the_set_and_so_are_those_next_to_the_point(name):
    f = FUNCTIONS[name]
    for point in POINTS:
        x = torch.tensor(point, dtype=torch.float64, requires_grad=True)
        report = an.verify(f, x)
        assert report.verdict is an.Verdict.CLARKE
        np.testing.assert_array_equal(report.gradient, torch.autograd.grad(f(x), x)[0])
        if len(set(point)) > 1:
            G = an.generalized_gradient(report.program, np.array(point))
            for direction in np.random.default_rng(0).normal(size=(5, 6)):
                near = torch.tensor(point + 1e-6 * direction, requires_grad=True)
                assert G.contains(torch.autograd.grad(f(near), near)[0].numpy())


def test_only_ranks_that_are_taken_must_stay():
    report = an.verify(lambda x: x.kthvalue(2).values, torch.tensor([0.0, 1.0, 2.0, 3.0], dtype=torch.float64))
    assert report.program([0.5, 1.0, 7.0, 6.0]) == 1.0
    with pytest.raises(an.GuardError):
        report.program([1.5, 1.0, 2.0, 3.0])
    tied = an.verify(lambda x: x.sort().values[0], torch.zeros(4, dtype=torch.float64))
    assert tied.program([3.0, 1.0, 2.0, 5.0]) == 1.0


def test_what_topk_takes_in_no_order_is_moved_as_it_came():
    x = torch.tensor([3.0, 1.0, 5.0, 0.0, 2.0, 4.0], dtype=torch.float64)
    report = an.verify(lambda x: weighted(x.topk(4, sorted=False).values), x)
    assert report.program(x.numpy()) == weighted(x.topk(4, sorted=False).values)
    with pytest.raises(an.TraceError, match="in no order"):
        an.verify(lambda x: weighted(x.topk(3, sorted=False).values), torch.ones(6, dtype=torch.float64))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_modelled_gradient_is_that_of_torch_where_all_entries_tie(name):
    x = torch.ones(6, dtype=torch.float64, requires_grad=True)
    problem = an.verify(FUNCTIONS[name], x).problem
    modelled = problem.sweeps.gradient(problem.sigma)
    np.testing.assert_array_equal(modelled, torch.autograd.grad(FUNCTIONS[name](x), x)[0])


TABLE = torch.arange(6.0, dtype=torch.float64).reshape(2, 3)
KEPT = torch.tensor([[True, True, False], [True, False, False]])
#: Functions that use indices of order statistics, a point where these are constant, and one where they jump.
CHOSEN = {
    "sort": (lambda x: (TABLE.gather(1, x.argsort(1)) * x.sort(1).values).sum() + (x.sort(1).indices * x).sum(),
             [[1, 2, 3], [2, 3, 1]], [[1, 1, 3], [2, 3, 1]]),
    "topk": (lambda x: (x.topk(2, 1).indices * x[:, :2]).sum(), [[1, 2, 3], [3, 2, 1]], [[1, 1, 3], [3, 2, 1]]),
    "largest": (lambda x: (x.topk(1, 1).indices * x).sum(), [[1, 1, 3], [3, 2, 2]], [[1, 3, 3], [3, 2, 2]]),
    "smallest": (lambda x: (x.topk(1, 1, largest=False).indices * x).sum(), [[1, 3, 3], [3, 2, 3]],
                 [[1, 1, 3], [3, 2, 3]]),
    "topk of columns": (lambda x: (x.topk(1, 0).indices * x).sum(), [[1, 1, 3], [3, 2, 2]], [[1, 2, 3], [3, 2, 2]]),
    "kthvalue": (lambda x: (x.kthvalue(1, 1).indices * x[:, 0]).sum(), [[1, 3, 3], [2, 3, 3]], [[1, 1, 3], [2, 3, 3]]),
    "median": (lambda x: (x.median(1).indices * x[:, 0]).sum(), [[1, 2, 3], [3, 2, 1]], [[1, 2, 2], [3, 2, 1]]),
    "max": (lambda x: (x.max(1).indices * x[:, 0]).sum(), [[1, 1, 3], [3, 2, 2]], [[3, 1, 3], [3, 2, 2]]),
    "padded": (lambda x: (x.masked_fill(~KEPT, -torch.inf).sort(1, descending=True).indices * x).sum(),
               [[1, 3, 3], [2, 3, 3]], [[1, 1, 3], [2, 3, 3]]),
    "padded topk": (lambda x: (x.masked_fill(~KEPT, -1e9).topk(2, 1).indices * x[:, :1]).sum(),
                    [[1, 3, 3], [2, 3, 3]], [[1, 1, 3], [2, 3, 3]]),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("name", CHOSEN)
def test_indices_jump_where_entries_that_decide_them_are_equal_in_their_own_line(name):
    f, apart, tied = CHOSEN[name]
    leaf = torch.tensor(apart, dtype=torch.float64, requires_grad=True)
    report = an.verify(f, leaf.detach())
    assert report.verdict is an.Verdict.CLARKE and report.method == "smooth"
    torch.testing.assert_close(report.clarke_gradient, torch.autograd.grad(f(leaf), leaf)[0])
    with pytest.raises(an.TraceError, match=r"jumps|tied"):
        an.verify(f, torch.tensor(tied, dtype=torch.float64))


def test_a_threshold_that_is_an_order_statistic_is_one_of_the_entries_also_of_padded_rows():
    def sparse(x):
        scores = x.masked_fill(~KEPT, -1e30)
        return torch.where(scores < scores.topk(2).values[:, -1:], -1e30, scores).softmax(-1).square().sum()

    leaf = torch.tensor([[1.0, 3.0, 2.5], [2.0, 3.0, 4.0]], dtype=torch.float64, requires_grad=True)
    report = an.verify(sparse, leaf.detach())
    assert report.verdict is an.Verdict.CLARKE and report.method == "smooth"
    torch.testing.assert_close(report.clarke_gradient, torch.autograd.grad(sparse(leaf), leaf)[0])
