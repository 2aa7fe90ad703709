"""What becomes of every snippet: followed, refused as a jump, or refused by name."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy

MODULES = ("numpy_arrays", "numpy_numbers", "models", "sciences", "scipy_functions", "samples_and_images",
           "sparse_matrices", "containers")
if importlib.util.find_spec("pandas"):
    MODULES += ("tables",)

#: On no kink of any snippet.
X = np.array([0.7, -1.3, 0.4, 1.9, -0.6, 2.3])

#: By module and name.
SNIPPETS: dict[str, Callable[[Any], Any]] = {
    f"{module}: {name}": f
    for module in MODULES
    for name, f in importlib.import_module(f"tests.coverage.snippets.{module}").SNIPPETS.items()
}

#: What jumps, with the operation that is named.
JUMPS = {
    "numpy_numbers: unique": "np.unique",
    "numpy_numbers: unwrap": "np.unwrap",
    "numpy_arrays: float32 and back": "ndarray.astype",
}

#: What is not followed, with the operation that is named.
REFUSED = {
    "numpy_numbers: eig": "np.linalg.eig",
    "scipy_functions: zeta": "scipy.special._riemann_zeta",
    "scipy_functions: gaussian_kde": "scipy.gaussian_kde.evaluate",
    "sparse_matrices: power": "scipy.sparse.power",
    "sparse_matrices: splu": "f",
    "sparse_matrices: cg": "float()",
    "scipy_functions: brentq": "scipy.optimize.brentq",
    "scipy_functions: quad": "scipy.integrate.quad",
    "scipy_functions: solve_ivp": "scipy.integrate.solve_ivp",
}
if scipy.__version__ >= "1.18":  # It asks of an array to which library it belongs.
    REFUSED |= {"scipy_functions: linregress": "scipy.stats", "scipy_functions: hilbert": "np.array"}

FOLLOWED = [name for name in SNIPPETS if name not in JUMPS and name not in REFUSED]
