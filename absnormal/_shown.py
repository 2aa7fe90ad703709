"""How objects show themselves: one table of names that are looked up when somebody looks at an object.

What is made below knows nothing of pages and pictures, so that no import runs upward.  A method that shows its object
asks here, by its class and its own name.
"""

from __future__ import annotations

import importlib
from typing import Any

#: "Class.method" -> the module and the function that shows an object of this class.
SHOWN = {
    "AbsNormalForm.latex": "absnormal.display.form.equations",
    "AbsNormalForm.html": "absnormal.display.form.pictures",
    "AbsNormalForm.plot": "absnormal.plot.structure",
    "GeneralizedGradient.html": "absnormal.display.gradients.html",
    "GeneralizedGradient.plot": "absnormal.plot.gradients",
    "Program.abs_normal_form": "absnormal.form.extract",
    "Program.html": "absnormal.display.program.html",
    "Report.conventions": "absnormal.judgement.conventions.conventions",
    "Report.descent": "absnormal.judgement.descent.descent",
    "Report.next_step": "absnormal.judgement.descent.in_words",
    "Report.plot": "absnormal.plot.cells",
    "Report.plot_line": "absnormal.plot.line",
    "Sweep.plot": "absnormal.plot.verdicts",
}


def shown(name: str) -> Any:
    """The function of that name, which takes the object first."""
    module, _, function = SHOWN[name].rpartition(".")
    return getattr(importlib.import_module(module), function)
