"""The version of the package, as reports and files of records name it."""

from __future__ import annotations

import importlib.metadata


def version() -> str:
    """The version of the installed package; "(not installed)" where it runs from its sources."""
    try:
        return importlib.metadata.version("absnormal")
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"
