"""What is done for many points, calls or branches together."""

from __future__ import annotations

from ..mutant import Mutant

MANY = ("batch/test_screening.py",)
KEPT = ("frontends/test_jax_kept.py",)
CELLS = ("clarke/test_arrangement.py",)

MUTANTS = (
    Mutant("sweeps/points.py", "smallest > self.atol + 2 * error + _ROOM * self.unit * size", "smallest > self.atol",
           MANY),
    Mutant("sweeps/points.py", "self.each(apart & (outcome == np.asarray(guard.outcome)), shape)",
           "self.each(apart, shape)", MANY),
    Mutant("frontends/jax/kept.py", "            and all(map(equal, constants, self._constants))\n", "",
           ("frontends/test_jax_kept.py::test_a_changed_closure_is_not_served_stale",)),
    Mutant("frontends/jax/kept.py", "self._calls == 1 or point.foreign or point.effects", "self._calls == 1",
           ("frontends/test_jax_kept.py::test_a_rule_that_reads_what_changes_is_asked_each_time",)),
    Mutant("frontends/jax/kept.py", "_apart(jax.make_jaxpr(jax.grad(point.function))(point.variables), {})",
           "jax.make_jaxpr(jax.grad(point.function))(point.variables)",
           ("frontends/test_jax_kept.py::test_a_changed_closure_is_not_served_stale", *KEPT)),
    Mutant("frontends/jax/plain_call.py", "if point.trace.near and np.all(program.switching(values)):",
           "if point.trace.near:",
           ("frontends/test_jax_kept.py::test_another_way_with_arrays_is_found_at_a_later_point",)),
    Mutant("frontends/jax/kept.py", "            and all(map(equal, fixed, self._fixed))\n", "",
           ("frontends/test_jax_kept.py::test_what_is_held_fixed_is_compared",)),
    Mutant("frontends/jax/again.py", "if not all(self.program.holds(guard, values) for guard in self.program.guards):",
           "if False:",
           ("frontends/test_jax_kept.py::test_a_tie_another_branch_and_what_is_not_finite_are_followed_anew",)),
    Mutant("frontends/jax/again.py", "values) if _clear(self.program, values) else None", "values)",
           ("frontends/test_jax_kept.py::test_a_tie_another_branch_and_what_is_not_finite_are_followed_anew",)),
    Mutant("frontends/jax/again.py", "return replace(self.program, nodes=tuple(nodes)) if moved else self.program",
           "return self.program",
           ("frontends/test_jax_kept.py::test_another_point_is_judged_as_if_f_were_followed_there",)),
    Mutant("batch/screening.py", "close = looked.clear if values is None else", "close = looked.clear if True else",
           ("batch/test_screening_jax.py::test_another_way_with_arrays_is_found_point_by_point",)),
    Mutant("batch/screening.py", "close = close & (apart <=", "close = close & (0 * apart <=",
           ("batch/test_screening_torch.py::test_a_gradient_that_is_wrong_at_some_points_is_judged_there",)),
    Mutant("batch/screening.py", "close = close & ~is_lost(", "close = close | is_lost(",
           ("batch/test_screening_torch.py::test_digits_that_rounding_took_are_left_to_single_calls",)),
    Mutant("frontends/torch/many.py", "if tape.has_restored or self._first.foreign", "if self._first.foreign",
           ("batch/test_screening_torch.py::test_nothing_is_left_behind",)),
    Mutant("clarke/arrangement.py",
           "            holds &= signs[tried, -1] * (whole @ self.rows[signs.shape[1] - 1]) > 0\n", "", CELLS),
    Mutant("clarke/arrangement.py", "[(tuple([-sign for sign in signs]), weights) for", "[(signs, weights) for", CELLS),
    Mutant("clarke/arrangement.py", "fit = signs @ self.patterns.T == self.counts",
           "fit = signs @ self.patterns.T >= self.counts - 2", CELLS),
)
