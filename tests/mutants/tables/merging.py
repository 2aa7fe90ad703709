"""Kinks on one set."""

from __future__ import annotations

from ..mutant import Mutant

MERGED = ("theorems/test_merging.py",)
EVIDENCE = ("certificates/test_evidence_rules.py",)
BESIDE = ("certificates/test_next_to_program.py",)

MUTANTS = (
    Mutant("active/multiples.py", "tuple(sign * a for a in only.coefficients)", "only.coefficients", MERGED),
    Mutant("active/multiples.py", "coefficients += [sign * a for a in term.coefficients]",
           "coefficients += term.coefficients", MERGED),
    Mutant("active/multiples.py", "        return value if sure.all() else None", "        return value", MERGED),
    Mutant("active/multiples.py", "np.abs(value) > self._errors[index]", "np.abs(value) > 0", MERGED),
    Mutant("active/multiples.py", "        if self.sweeps.atol:", "        if False:", MERGED),
    Mutant("active/multiples.py", "total.append((before, value + coefficients[term]))",
           "total.append((before, value))", MERGED),
    Mutant("active/one_set.py", "Classes(labels, factors / factors[first][labels], first)",
           "Classes(labels, factors, first)", MERGED),
    Mutant("active/one_layer.py", "    return not wbar[0][sweeps.alpha].any()", "    return True", MERGED),
    Mutant("active/one_layer.py", "return 0 if up and down else", "return 1 if up and down else", MERGED),
    Mutant("active/one_layer.py", "return self.classes.sums(np.abs(self.classes.factors) * self._weights)",
           "return self.classes.sums(self.classes.factors * self._weights)", MERGED),
    Mutant("theorems/merging.py", "    if not layer.whole:\n        return None\n    aside", "    aside", MERGED),
    Mutant("active/one_layer.py", "self.sign != 0 or self.independent", "self.sign != 0 or len(self._first) <= 2",
           MERGED),
    Mutant("program/numbering.py", "own is its or (own.dtype == its.dtype and own.shape == its.shape and bool((own"
           " == its).all()))", "True", MERGED),
    Mutant("certificates/checker/rules.py", "        k = next(value for value in row if value)",
           "        k = abs(next(value for value in row if value))", EVIDENCE),
    Mutant("certificates/checker/rules.py", "found[key] = weight + abs(k) * b, taken + k * c * b",
           "found[key] = weight + k * b, taken + k * c * b", EVIDENCE),
    Mutant("certificates/checker/rules.py",
           "    if a.hidden or a.inexact or any(map(any, a.couplings)):", "    if a.hidden or a.inexact:", EVIDENCE),
    Mutant("certificates/checker/rules.py", "    return whole and all(abs(taken)", "    return all(abs(taken)",
           EVIDENCE),
    Mutant("certificates/merged_kinks.py", "not (np.abs(t) <= 1).all():", "False:", BESIDE),
    Mutant("certificates/merged_kinks.py", "    if not sign and not _opened(layer, rng):", "    if False:", BESIDE),
    Mutant("certificates/merged_kinks.py", "return layer if all(_together(layer, rng) for _ in range(DRAWS)) else None",
           "return layer", BESIDE),
    Mutant("certificates/merged_kinks.py", "return float(v @ g) - highest > margin + 2 * slack",
           "return float(v @ g) - highest > 2 * slack", BESIDE),
    Mutant("certificates/merged_kinks.py", "if classes is None or not is_one_layer(sweeps):", "if classes is None:",
           BESIDE),
)
