"""The record on file: a line a case, a file a group; that of the random programs is compressed."""

from __future__ import annotations

import json
import lzma
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .case import Outcome

FOLDER = Path(__file__).parents[1] / "data" / "record"
#: Groups with more cases than this are compressed.
_READABLE = 1000
_PACKAGES = ("numpy", "scipy", "torch", "jax", "onnx", "scikit-learn")


def path(group: str, compressed: bool) -> Path:
    """The file of a group."""
    return FOLDER / f"{group.replace(' ', '_')}.jsonl{'.xz' if compressed else ''}"


def write(group: str, outcomes: dict[str, Outcome]) -> None:
    """Record a group anew."""
    compressed = len(outcomes) > _READABLE
    text = "".join(json.dumps([name, found], ensure_ascii=False) + "\n" for name, found in outcomes.items())
    FOLDER.mkdir(parents=True, exist_ok=True)
    path(group, not compressed).unlink(missing_ok=True)
    data = text.encode()
    path(group, compressed).write_bytes(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME) if compressed else data)


def read(group: str) -> dict[str, Outcome]:
    """The outcomes on file by the names of their cases; none where the group was never recorded."""
    if path(group, True).exists():
        text = lzma.decompress(path(group, True).read_bytes()).decode()
    elif path(group, False).exists():
        text = path(group, False).read_text(encoding="utf-8")
    else:
        return {}
    return dict(json.loads(line) for line in text.splitlines())


def versions() -> dict[str, str]:
    """What the record depends on besides the package."""
    found = {"python": platform.python_version(), "machine": platform.machine()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def recorded_versions() -> dict[str, str]:
    """The versions with which the record was written."""
    file = FOLDER / "versions.json"
    return dict(json.loads(file.read_text())) if file.exists() else {}


def write_versions() -> None:
    """Note today's versions."""
    (FOLDER / "versions.json").write_text(json.dumps(versions(), indent=1) + "\n")
