"""Pictures with matplotlib (``pip install 'absnormal[plot]'``): every function takes ``ax=`` and returns it.

Colours are those of Okabe and Ito and of cividis, which colour-blind readers tell apart.
"""

from __future__ import annotations

from absnormal.plot.cells import cells
from absnormal.plot.gradients import gradients
from absnormal.plot.line import line
from absnormal.plot.structure import structure

__all__ = ["cells", "gradients", "line", "structure"]
