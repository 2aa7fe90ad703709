"""Findings for people and for machines: text, JSON, JUnit XML, GitHub annotations, SARIF 2.1.0.

A writer takes one finding after the other and keeps none of them, so that memory does not grow, and `end` makes the
output whole at any moment, after Ctrl-C too.

References
----------
OASIS, *Static Analysis Results Interchange Format (SARIF) Version 2.1.0*, 2020; GitHub, *Workflow commands for GitHub
Actions*; the JUnit XML of Apache Ant's ``junitreport``, as CI servers read it.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from absnormal.report.record import ERROR, Line, Record
from absnormal.report.summary import Summary
from absnormal.report.verdict import STATEMENTS, Verdict

VERSION = "2.1.0"
_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MEANINGS = {verdict.name: verdict.value for verdict in Verdict} | {ERROR: "f cannot be analysed at the point"}
#: Findings that are written out as text; the summary counts them all.
_WRITTEN = 20


class Writer:
    """Takes findings: a name, the record, and the whole report where there is one.

    Parameters
    ----------
    out
        a text stream
    version
        of the package
    """

    def __init__(self, out: IO[str], version: str) -> None:
        self.out, self.version = out, version

    def write(self, name: str, record: Record, report: Any = None, expected: str = "") -> None:
        """One finding; ``expected`` says why it is none to act on, as the mark xfail of a test does."""
        raise NotImplementedError

    def end(self, summary: Summary, stopped: str = "") -> None:
        """Make the output whole; ``stopped`` says what ended the run before its end."""


class Text(Writer):
    """Whole reports, or a line a record that is not CLARKE, and the summary."""

    def __init__(self, out: IO[str], version: str) -> None:
        super().__init__(out, version)
        self.reports, self.others = False, 0

    def write(self, name: str, record: Record, report: Any = None, expected: str = "") -> None:
        if report is not None:
            self.reports = True
            print(report, file=self.out)
        elif record.verdict != Verdict.CLARKE.name:
            self.others += 1
            if self.others > _WRITTEN:
                return
            print(f"{record.verdict}: {name}\n  {said(record)}", file=self.out)
            for line in record.lines:
                print(f"  {described(line)}", file=self.out)

    def end(self, summary: Summary, stopped: str = "") -> None:
        if stopped:
            print(stopped, file=self.out)
        if self.others > _WRITTEN:
            print(f"... and {self.others - _WRITTEN} more", file=self.out)
        if not self.reports:
            print(summary.brief(), file=self.out)


class Json(Writer):
    """One object: the results one after the other, then the summary."""

    def __init__(self, out: IO[str], version: str) -> None:
        super().__init__(out, version)
        self.separator = "\n"
        tool = json.dumps({"name": "absnormal", "version": version})
        out.write(f'{{"tool": {tool},\n"results": [')

    def write(self, name: str, record: Record, report: Any = None, expected: str = "") -> None:
        values = {"name": name, **record.to_dict(), **({"expected": expected} if expected else {}),
                  **({} if report is None else {"report": report.to_dict()})}  # fmt: skip
        self.out.write(self.separator + json.dumps(values))
        self.separator = ",\n"

    def end(self, summary: Summary, stopped: str = "") -> None:
        rest = {"summary": summary.to_dict(), "interrupted": bool(stopped)}
        self.out.write("\n],\n" + json.dumps(rest)[1:] + "\n")


class JUnit(Writer):
    """A test case a finding: NOT_CLARKE is a failure, ERROR an error, UNDECIDED a skipped test with its reason.

    What a test expects is skipped, too.
    The file is valid by the schema of Ant and by that of Jenkins, which pytest keeps, too; neither has a place for the
    file and the line of a case, which stand in its text.
    """

    TAGS = ((Verdict.NOT_CLARKE.name, "failure"), (ERROR, "error"), (Verdict.UNDECIDED.name, "skipped"))

    def __init__(self, out: IO[str], version: str) -> None:
        super().__init__(out, version)
        self.counts: Counter[str] = Counter()
        self.begun = self.last = time.monotonic()
        # The head has the counts: the cases wait in a file.
        self.body = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - closed by `end`

    def write(self, name: str, record: Record, report: Any = None, expected: str = "") -> None:
        tag = dict(self.TAGS).get(record.verdict)
        tag = "skipped" if tag and expected else tag
        self.counts[tag or ""] += 1
        before, self.last = self.last, time.monotonic()
        head = f"name={_attribute(name)} time=\"{self.last - before:.3f}\""
        self.body.write(f"<testcase classname=\"absnormal\" {head}>")
        if tag is not None:
            details = str(report) if report is not None else "\n".join([said(record), *map(described, record.lines)])
            message = f"{expected}: {said(record)}" if expected else said(record)
            kind = "" if tag == "skipped" else f" type={_attribute(record.verdict)}"
            self.body.write(f"<{tag} message={_attribute(message)}{kind}>{escape(_xml(details))}</{tag}>")
        self.body.write("</testcase>\n")

    def end(self, summary: Summary, stopped: str = "") -> None:
        values = {"name": "absnormal", "package": "absnormal", "id": 0, "tests": sum(self.counts.values()),
                  "failures": self.counts["failure"], "errors": self.counts["error"],
                  "skipped": self.counts["skipped"], "time": f"{time.monotonic() - self.begun:.3f}",
                  "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S"), "hostname": platform.node() or "localhost"}
        head = " ".join(f"{name}={_attribute(str(value))}" for name, value in values.items())
        self.out.write(f'<?xml version="1.0" encoding="utf-8"?>\n<testsuites>\n<testsuite {head}>\n<properties/>\n')
        self.body.seek(0)
        shutil.copyfileobj(self.body, self.out)
        self.body.close()
        self.out.write(f"<system-out/>\n<system-err>{escape(stopped)}</system-err>\n</testsuite>\n</testsuites>\n")


class GitHub(Writer):
    """Workflow commands: an annotation for every line of the user's code, once a verdict; then the summary."""

    LEVELS = ((Verdict.NOT_CLARKE.name, "error"), (ERROR, "error"), (Verdict.UNDECIDED.name, "warning"))

    def __init__(self, out: IO[str], version: str) -> None:
        super().__init__(out, version)
        self.seen: set[tuple[str, str, int]] = set()

    def write(self, name: str, record: Record, report: Any = None, expected: str = "") -> None:
        level = dict(self.LEVELS).get(record.verdict)
        if level is None:
            return
        message = _data(f"{name}: {said(record)}")
        if not record.lines:
            print(f"::{level} title={_property(record.verdict)}::{message}", file=self.out)
        for line in record.lines:
            key = (record.verdict, line.path, line.line)
            if key not in self.seen:
                self.seen.add(key)
                place = f"file={_property(relative(line.path))},line={line.line}," if line.path else ""
                title = _property(f"{record.verdict} {line.operation}".strip())
                print(f"::{level} {place}title={title}::{message}", file=self.out)

    def end(self, summary: Summary, stopped: str = "") -> None:
        # A line of the summary must not be taken for a command.
        for line in summary.brief().splitlines():
            print(line.replace("::", ": :"), file=self.out)


class Sarif(Writer):
    """SARIF 2.1.0: a result for every finding that is not CLARKE; UNDECIDED has the kind "open".

    What a test expects is suppressed.
    """

    def __init__(self, out: IO[str], version: str) -> None:
        super().__init__(out, version)
        self.separator = "\n"
        rules = [
            {"id": name, "shortDescription": {"text": meaning},
             "defaultConfiguration": {"level": "error" if name == Verdict.NOT_CLARKE.name else "warning"}}
            for name, meaning in _MEANINGS.items() if name != Verdict.CLARKE.name
        ]  # fmt: skip
        driver = {"name": "absnormal", "version": version, "rules": rules}
        head = json.dumps({"$schema": _SCHEMA, "version": VERSION})[:-1]
        self.out.write(f'{head}, "runs": [{{"tool": {json.dumps({"driver": driver})},\n"results": [')

    def write(self, name: str, record: Record, report: Any = None, expected: str = "") -> None:
        if record.verdict == Verdict.CLARKE.name:
            return
        places = [_location(line) for line in record.lines if line.path]
        kind = {Verdict.NOT_CLARKE.name: ("fail", "error"), ERROR: ("fail", "warning")}
        kind_of, level = kind.get(record.verdict, ("open", "none"))
        result: dict[str, Any] = {
            "ruleId": record.verdict, "kind": kind_of, "level": level, "message": {"text": f"{name}: {said(record)}"},
            "locations": places[:1], "relatedLocations": places[1:],
            "properties": {"method": record.method, "index": record.index},
        }  # fmt: skip
        if expected:
            result["suppressions"] = [{"kind": "inSource", "justification": expected}]
        self.out.write(self.separator + json.dumps(result))
        self.separator = ",\n"

    def end(self, summary: Summary, stopped: str = "") -> None:
        invocations = [{"executionSuccessful": not stopped}]
        self.out.write(f'\n],\n"invocations": {json.dumps(invocations)}}}]}}\n')


FORMATS: dict[str, type[Writer]] = {"text": Text, "json": Json, "junit": JUnit, "github": GitHub, "sarif": Sarif}


def said(record: Record) -> str:
    """The verdict of a record in a sentence."""
    meaning = record.reason or _MEANINGS[record.verdict]
    proved = record.verdict in (Verdict.CLARKE.name, Verdict.NOT_CLARKE.name)
    return f"{meaning} (by {record.method})" if proved and record.method in STATEMENTS else meaning


def described(line: Line) -> str:
    """A line of the user's code."""
    where = f" at {relative(line.path)}:{line.line}" if line.path else ""
    return f"{line.operation}{where}" + (f"   | {line.text}" if line.text else "")


def relative(path: str) -> str:
    """A file below the working directory by its relative name, with forward slashes.

    >>> relative(os.path.join(os.getcwd(), "package", "model.py"))
    'package/model.py'
    """
    try:
        inside = Path(path).resolve().relative_to(Path.cwd())
    except ValueError:
        return path
    return inside.as_posix()


def _location(line: Line) -> dict[str, Any]:
    name = relative(line.path)
    uri = Path(name).as_uri() if os.path.isabs(name) else quote(Path(name).as_posix())
    snippet = {"snippet": {"text": line.text}} if line.text else {}
    return {
        "physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": line.line, **snippet}},
        "message": {"text": line.operation or "here"},
    }


def _xml(text: str) -> str:
    return _NOT_XML.sub("?", text)


def _attribute(text: str) -> str:
    return quoteattr(_xml(text))


def _data(text: str) -> str:
    for raw, escaped in (("%", "%25"), ("\r", "%0D"), ("\n", "%0A")):
        text = text.replace(raw, escaped)
    return text


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
