"""Pictures with matplotlib (``pip install 'absnormal[plot]'``): every function takes ``ax=`` and returns it.

Colours are those of Okabe and Ito and of cividis, which colour-blind readers tell apart.  On axes with light labels,
such as those of ``plt.style.use("dark_background")``, they are those that read on a dark ground.
"""

from __future__ import annotations

from absnormal.plot.cells import cells
from absnormal.plot.gradients import gradients
from absnormal.plot.line import line
from absnormal.plot.structure import structure
from absnormal.plot.verdicts import verdicts

__all__ = ["cells", "gradients", "line", "structure", "verdicts"]
