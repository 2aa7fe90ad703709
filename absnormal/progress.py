"""A bar for long work, where tqdm is installed: in a notebook that can show one, a widget, otherwise text."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from typing import Any


def progress(name: str = "points", **options: Any) -> Callable[[int, int | None], None]:
    """What `absnormal.sweep` takes as ``on_progress``: a bar of tqdm, or nothing where tqdm is not installed.

    Parameters
    ----------
    name
        what is counted
    **options
        of tqdm

    Returns
    -------
    callable
        ``(done, total)``, total None where it is not known; the bar closes when done is total

    Examples
    --------
    >>> import io, numpy as np, absnormal as an
    >>> shown = io.StringIO()
    >>> for record in an.sweep(lambda x: np.abs(x[0]), np.zeros((20, 1)), on_progress=an.progress(file=shown)):
    ...     pass
    >>> "20/20" in shown.getvalue()
    True
    """
    try:
        # Without ipywidgets tqdm falls back to text, and says so each time.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            bars = importlib.import_module("tqdm.auto").tqdm
    except ImportError:
        return lambda done, total: None
    bar: Any = None

    def show(done: int, total: int | None) -> None:
        nonlocal bar
        if bar is None:
            bar = bars(total=total, desc=name, **options)
        bar.update(done - bar.n)
        if done == total:
            bar.close()

    return show
