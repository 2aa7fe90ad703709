"""The notebooks run, and give the text that is committed with them.

Pictures differ in their bytes between versions of matplotlib: they are counted here, and tested in `plot/`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat", reason="needs absnormal[test]")
nbclient = pytest.importorskip("nbclient", reason="needs absnormal[test]")
pytest.importorskip("ipykernel", reason="needs absnormal[test]")
# Its first import on a machine builds a cache of fonts, and may say so.
pytest.importorskip("matplotlib.font_manager", reason="needs absnormal[test]")

WIDGET = "application/vnd.jupyter.widget-view+json"
ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def texts(notebook: Any) -> list[str]:
    """All text outputs; the name that a kernel gives to a cell's file is left out, and how large a rounding was.

    What a cell prints is one text: a kernel sends it in as many pieces as it takes time.
    """
    found = []
    for cell in notebook.cells:
        printed = ""
        for output in cell.get("outputs", []):
            assert output["output_type"] != "error"
            assert output.get("name") != "stderr"
            data = output.get("data", {})
            if WIDGET in data:  # It is shown beside what is printed in any case.
                continue
            shown = {kind: "a picture" if kind == "image/png" else data[kind] for kind in sorted(data)}
            printed += output.get("text", "")
            found += shown.values()
        found += [printed] if printed else []
    alike = ((r"\b\d+\.py", "cell.py"), (r"[\d.]+e-\d+ in an entry", "little in an entry"))
    for pattern, text in alike:
        found = [re.sub(pattern, text, shown) for shown in found]
    return found


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_prints_what_is_committed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    committed = nbformat.read(path, as_version=4)
    executed = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(executed, timeout=120, kernel_name="python3").execute()
    assert all("outputs" not in cell or cell.execution_count for cell in committed.cells)
    assert [re.sub(r"\s+", " ", text) for text in texts(executed)] == [
        re.sub(r"\s+", " ", text) for text in texts(committed)
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_holds_no_path_of_a_machine(path: Path) -> None:
    text = re.sub(r'"image/png": "[^"]*"', "", path.read_text(encoding="utf-8"))
    assert not re.search(r"/(home|tmp|work|root|Users|mnt)/|site-packages|Warning", text)
