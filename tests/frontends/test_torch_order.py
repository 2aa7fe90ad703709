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
