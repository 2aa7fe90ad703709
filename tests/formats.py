"""Judges of machine-readable output: SARIF by its schema in data/, JUnit XML by those of Ant and of Jenkins."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import jsonschema

_SARIF = json.loads((Path(__file__).parent / "data" / "sarif-2.1.0-part.json").read_text())
#: Attributes of a suite, all required by Ant's schema but "skipped", with what their values look like.
_SUITE = {
    "name": r"\S.*", "package": r".*", "id": r"\d+", "tests": r"\d+", "failures": r"\d+", "errors": r"\d+",
    "skipped": r"\d+", "time": r"\d+\.\d{3}", "timestamp": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", "hostname": r"\S+",
}  # fmt: skip
#: Element -> its attributes, the elements inside.  Ant's schema requires each of them, and this order.
_JUNIT: dict[str, tuple[dict[str, str], str]] = {
    "testsuites": ({}, "(testsuite )*"),
    "testsuite": (_SUITE, "properties (testcase )*system-out system-err "),
    "properties": ({}, ""),
    "testcase": ({"name": r"\S.*", "classname": r"\S.*", "time": r"\d+\.\d{3}"}, "((failure|error|skipped) )?"),
    "failure": ({"message": ".*", "type": ".*"}, ""),
    "error": ({"message": ".*", "type": ".*"}, ""),
    "skipped": ({"message": ".*"}, ""),
    "system-out": ({}, ""),
    "system-err": ({}, ""),
}


def sarif(text: str) -> list[dict[str, Any]]:
    """The results of a valid SARIF log."""
    log = json.loads(text)
    jsonschema.validate(log, _SARIF)
    rules = {rule["id"] for rule in log["runs"][0]["tool"]["driver"]["rules"]}
    results: list[dict[str, Any]] = log["runs"][0]["results"]
    assert {result["ruleId"] for result in results} <= rules
    return results


def places(result: dict[str, Any]) -> list[tuple[str, int]]:
    """The files and lines of a SARIF result."""
    found = [location["physicalLocation"] for location in (*result["locations"], *result["relatedLocations"])]
    return [(unquote(place["artifactLocation"]["uri"]), place["region"]["startLine"]) for place in found]


def junit(text: str) -> list[Any]:
    """The test cases of a valid JUnit file."""
    root = ElementTree.fromstring(text)
    assert root.tag == "testsuites"
    for element in root.iter():
        attributes, inside = _JUNIT[element.tag]
        assert set(element.keys()) == set(attributes), element.tag
        assert all(re.fullmatch(form, element.attrib[name], re.DOTALL) for name, form in attributes.items())
        assert re.fullmatch(inside, "".join(f"{child.tag} " for child in element)), element.tag
    for suite in root:
        cases = list(suite.iter("testcase"))
        assert int(suite.attrib["tests"]) == len(cases)
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite.attrib[name]) == sum(case.find(tag) is not None for case in cases)
    return list(root.iter("testcase"))
