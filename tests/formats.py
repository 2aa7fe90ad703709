"""Judges of machine-readable output: SARIF by its schema in data/, JUnit XML by the elements that CI servers read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema

_SARIF = json.loads((Path(__file__).parent / "data" / "sarif-2.1.0-part.json").read_text())
_COUNTS = {"tests", "failures", "errors", "skipped"}
#: Element -> required attributes, further attributes, elements inside.
_JUNIT: dict[str, tuple[set[str], set[str], set[str]]] = {
    "testsuites": (set(), _COUNTS | {"name", "time"}, {"testsuite"}),
    "testsuite": ({"name", "tests", "failures", "errors"}, _COUNTS | {"time", "timestamp", "hostname"}, {"testcase"}),
    "testcase": ({"name", "classname"}, {"time", "file", "line"}, {"failure", "error", "skipped"}),
    "failure": ({"message", "type"}, set(), set()),
    "error": ({"message", "type"}, set(), set()),
    "skipped": (set(), {"message", "type"}, set()),
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
    return [(place["artifactLocation"]["uri"], place["region"]["startLine"]) for place in found]


def junit(text: str) -> list[Any]:
    """The test cases of a valid JUnit file."""
    root = ElementTree.fromstring(text)
    assert root.tag == "testsuites"
    for element in root.iter():
        required, further, inside = _JUNIT[element.tag]
        assert required <= set(element.keys()) <= required | further, element.tag
        assert {child.tag for child in element} <= inside
    for suite in (root, *root):
        cases = list(suite.iter("testcase"))
        assert int(suite.attrib["tests"]) == len(cases)
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite.attrib[name]) == sum(case.find(tag) is not None for case in cases)
    return list(root.iter("testcase"))
