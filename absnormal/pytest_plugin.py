"""The pytest plugin: a fixture, a marker, a report.

    def test_loss(clarke):
        clarke(loss, x)

    @pytest.mark.clarke(points=[[0.0, 1.0], [0.0, 0.0]], slope=-1)
    def test_loss(x):
        return np.sum(np.maximum(x, 0))

    @pytest.mark.clarke(points=[model])
    def test_model(model):
        return loss(model(X), Y)                     # by the parameters of the model

``assert an.verify(...)`` and ``assert an.torch.verify(...)`` fail with the text of the report.

Nothing heavy is imported before a test asks for a verdict.
"""

from __future__ import annotations

import ast
import json
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from textwrap import dedent
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:
    from absnormal.report.record import Record
    from absnormal.report.report import Report

_UNDECIDED = ("fail", "warn", "skip")
_OUTCOMES = (pytest.skip.Exception, pytest.fail.Exception, pytest.exit.Exception)
_OPTIONS = frozenset({"points", "slope", "exact", "atol", "budget", "seed", "undecided"})
#: A marked test that ran without a verdict, whoever ran it, has not passed.
_UNJUDGED = (
    "pytest.mark.clarke was not seen by what ran this test, so that no gradient was judged: a method of a"
    " unittest.TestCase, for example, is run by unittest. Mark a function or a method of a plain class, or call"
    " absnormal.testing.assert_clarke_gradient(f, x) in the test"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("absnormal", "Clarke generalized gradients")
    group.addoption(
        "--clarke-report", metavar="FILE",
        help="write what was proved and what was not: FILE.json, FILE.sarif or FILE.xml (JUnit)",
    )
    parser.addini("clarke_undecided", "what an undecided gradient means: fail, warn or skip", default="fail")
    parser.addini("clarke_slope", "the slope at ties where a test gives none, as absnormal check takes it", default="")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "clarke(points, slope=None, ...): the function returns a loss; its gradient at each of the points must be"
        " proved to be a Clarke generalized gradient",
    )
    undecided = config.getini("clarke_undecided")
    if undecided not in _UNDECIDED:
        raise pytest.UsageError(f"clarke_undecided must be one of {', '.join(_UNDECIDED)}, got {undecided!r}")
    file = config.getoption("--clarke-report")
    if file is not None and not file.endswith((".json", ".sarif", ".xml")):
        raise pytest.UsageError(f"--clarke-report must end in .json, .sarif or .xml, got {file!r}")
    if file is not None and not hasattr(config, "workerinput"):
        from absnormal.cli.streams import check_writable

        try:
            check_writable("--clarke-report", file)
        except ValueError as error:
            raise pytest.UsageError(str(error)) from error
    config.pluginmanager.register(_Collector(config), "absnormal-collector")


class Clarke:
    """The fixture: `absnormal.testing.assert_clarke_gradient` with the defaults of the ini file, and a record."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        #: Records of the running test with their counts.
        self.records: dict[str, int] = {}

    def __call__(self, f: Any, x: Any, *, undecided: str | None = None, slope: Any = None, **options: Any) -> Report:
        """Fail unless the gradient at x, or of a model and a closure, is proved to be a Clarke gradient; the report."""
        __tracebackhide__ = True
        from absnormal.report.record import record_of_error
        from absnormal.testing.assertions import UNDECIDED, judge, verified

        meaning = self.config.getini("clarke_undecided") if undecided is None else undecided
        if meaning not in UNDECIDED:
            raise ValueError(f"undecided must be one of {', '.join(UNDECIDED)}, got {meaning!r}")
        if slope is None and self.config.getini("clarke_slope"):
            from absnormal.cli.targets import slope as read

            slope = read(self.config.getini("clarke_slope"))
        try:
            report = verified(f, x, slope=slope, **options)
        except (KeyboardInterrupt, *_OUTCOMES):
            raise
        except BaseException as error:
            self._keep(record_of_error(error))
            raise
        self.keep(report)
        judge(report, meaning)
        return report

    def keep(self, report: Report, again: bool = True) -> None:
        """Count a report among those of the running test; one that is there counts once more where ``again``."""
        from absnormal.report.record import record

        self._keep(record(report), again)

    def _keep(self, found: Record, again: bool = True) -> None:
        text = json.dumps(found.to_dict())
        self.records[text] = self.records.get(text, 0) + 1 if again else self.records.get(text, 1)


@pytest.fixture(scope="session")
def clarke(request: pytest.FixtureRequest) -> Clarke:
    """Call it with a function and a point: the test fails unless the gradient there is proved to be Clarke.

    With a model and a closure that returns the loss: ``clarke(model, lambda: loss(model(X), Y))``.
    ``clarke(f, x, *, gradient=None, slope=None, undecided=None, ...)`` returns the report; see
    `absnormal.testing.assert_clarke_gradient`.
    """
    collector: Any = request.config.pluginmanager.get_plugin("absnormal-collector")
    found: Clarke = collector.clarke
    return found


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each point of a marked function, which takes the point as its first argument."""
    marker = metafunc.definition.get_closest_marker("clarke")
    if marker is None:
        return
    where = metafunc.definition.nodeid
    unknown = sorted(marker.kwargs.keys() - _OPTIONS)
    if unknown or len(marker.args) > 1 or (marker.args and "points" in marker.kwargs):
        problem = f"unknown option {unknown[0]!r}" if unknown else "points are given twice"
        pytest.fail(f"{where}: pytest.mark.clarke takes {', '.join(sorted(_OPTIONS))}: {problem}", pytrace=False)
    points = marker.args[0] if marker.args else marker.kwargs.get("points")
    points = points() if callable(points) else points
    if points is None or not hasattr(points, "__iter__") or isinstance(points, (str, dict)):
        pytest.fail(f"{where}: pytest.mark.clarke needs points=[...], the points at which to judge", pytrace=False)
    found = list(points)
    if not found:
        pytest.fail(f"{where}: pytest.mark.clarke has no points, so that nothing would be judged", pytrace=False)
    problem = _not_a_loss(metafunc.function)
    if problem:
        pytest.fail(f"{where}: a function marked clarke {problem}", pytrace=False)
    argument = _argument(metafunc)
    if argument is None:
        pytest.fail(f"{where}: a function marked clarke takes the point as its first argument", pytrace=False)
    metafunc.parametrize(argument, [pytest.param(point, id=f"point{k}") for k, point in enumerate(found)])


def _not_a_loss(function: Any) -> str:
    """Why a function cannot be judged: it is called by another one, or returns no number; "" where it can be."""
    import inspect

    if getattr(function, "is_hypothesis_test", False):
        return "is called by Hypothesis, not with the points: use the fixture clarke inside of it"
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        return "must not be async: return the loss, or use the fixture clarke inside of it"
    return ""


def _argument(metafunc: pytest.Metafunc) -> str | None:
    import inspect

    names = [name for name in inspect.signature(metafunc.function).parameters if name not in ("self", "cls")]
    return names[0] if names else None


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """A marked function is not run but judged."""
    __tracebackhide__ = True
    marker = pyfuncitem.get_closest_marker("clarke")
    if marker is None:
        return None
    import inspect

    function: Callable[..., Any] = pyfuncitem.obj
    names = list(inspect.signature(function).parameters)
    arguments = {name: pyfuncitem.funcargs[name] for name in names if name in pyfuncitem.funcargs}
    point = arguments.pop(names[0])
    collector: Any = pyfuncitem.config.pluginmanager.get_plugin("absnormal-collector")
    options = {name: value for name, value in marker.kwargs.items() if name != "points"}
    from absnormal.testing.assertions import is_model

    try:
        if is_model(point):
            collector.clarke(point, lambda: function(point, **arguments), **options)
        else:
            collector.clarke(lambda x: function(x, **arguments), point, **options)
    except AssertionError as error:
        # The function has no frame of its own: the report names its lines.
        pytest.fail(str(error), pytrace=False)
    return True


def _marked(item: pytest.Item) -> bool:
    return item.get_closest_marker("clarke") is not None


class _Finding(NamedTuple):
    """What a test found: its record as plain data, how often, and the mark by which it is expected to fail."""

    nodeid: str
    values: dict[str, Any]
    times: int
    expected: str


class _Collector:
    """Gathers the records of all tests, also from the workers of pytest-xdist, and writes the report."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.clarke = Clarke(config)
        self.found: list[_Finding] = []
        #: Why the report could not be written.
        self.unwritten = ""

    def pytest_runtest_setup(self) -> None:
        self.clarke.records = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: Any) -> Generator[None, Any, Any]:
        report = yield
        if call.when == "call" and call.excinfo is not None:
            for found in _asserted(call.excinfo):
                self.clarke.keep(found, again=False)
                if str(found) != str(call.excinfo.value):
                    report.longrepr.addsection("Clarke gradient", str(found))
        if call.when == "call" and self.clarke.records:
            # Plain data: pytest-xdist sends it to the controller with the report.
            report.clarke = [[text, count] for text, count in self.clarke.records.items()]
        elif call.when == "call" and report.passed and isinstance(item, pytest.Function) and _marked(item):
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid}: {_UNJUDGED}"
        return report

    def pytest_runtest_logreport(self, report: Any) -> None:
        expected = _expected(report)
        for text, count in getattr(report, "clarke", ()):
            self.found.append(_Finding(report.nodeid, json.loads(text), count, expected))

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self.unwritten:
            terminalreporter.line(self.unwritten, red=True)
        if not self.found:
            return
        terminalreporter.section("Clarke gradients")
        proved = Counter[str]()
        for found in self.found:
            if found.values["verdict"] == "CLARKE":
                proved[found.values["method"]] += found.times
        methods = ", ".join(f"{count} {method}" for method, count in proved.most_common())
        terminalreporter.line(f"proved: {sum(proved.values())}{f' ({methods})' if methods else ''}")
        for found in self.found:
            if found.values["verdict"] != "CLARKE":
                times = f" ({found.times} times)" if found.times > 1 else ""
                expected = f" ({found.expected})" if found.expected else ""
                said = f"{found.values['verdict']} {found.nodeid}{times}{expected}: {found.values['reason']}"
                terminalreporter.line(said)
                for line in _places(found.values):
                    terminalreporter.line(f"    {line}")

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        file = self.config.getoption("--clarke-report")
        if file is not None and not hasattr(self.config, "workerinput"):
            try:
                _write(file, self.found)
            except OSError as error:
                self.unwritten = f"--clarke-report {file} cannot be written: {error.strerror}"
                session.exitstatus = session.exitstatus or pytest.ExitCode.INTERNAL_ERROR


def _asserted(caught: Any) -> list[Report]:
    """The reports that an assertion of a test failed on.

    ``assert an.verify(...)``, also of its verdict, ``self.assertTrue(an.verify(...))``, `assert_clarke_gradient`.
    """
    module: Any = sys.modules.get("absnormal.report.report")
    if module is None or not caught.errisinstance(AssertionError):
        return []
    entry, message = caught.traceback[-1], str(caught.value)
    try:
        names = {node.id for node in ast.walk(ast.parse(dedent(str(entry.statement)))) if isinstance(node, ast.Name)}
    except SyntaxError:
        names = set()
    # pytest keeps the values that an assertion is made of among the local variables, under names of its own; a method
    # of unittest has nothing else among them.
    whole = entry.frame.f_globals.get("__name__") == "unittest.case"
    values = {
        id(value): value for name, value in entry.frame.f_locals.items()
        if whole or name in names or name.startswith("@py_")
    }
    return [value for value in values.values() if isinstance(value, module.Report) and not value
            and _about(value, message)]  # fmt: skip


def _about(report: Report, message: str) -> bool:
    """Whether a message of an assertion is that a report is not CLARKE."""
    said = repr(report)
    return message == str(report) or any(
        text in message
        for text in (f"assert {said}", f"assert ({said} or ", f" and {said})", f" or {said}", f"{said} is not true",
                     f"{said}.verdict")
    )


def _expected(report: Any) -> str:
    """The mark of a test that is expected to fail, and did; "" for another one."""
    reason = getattr(report, "wasxfail", None) if report.outcome == "skipped" else None
    return "" if reason is None else f"xfail: {reason}" if reason else "xfail"


def _places(values: dict[str, Any]) -> Iterator[str]:
    from absnormal.report.formats import described
    from absnormal.report.record import Line

    for line in values["lines"]:
        yield described(Line(**line))


def _write(file: str, found: list[_Finding]) -> None:
    """The report in the format that the name of the file asks for."""
    from absnormal import __version__
    from absnormal.report.formats import FORMATS
    from absnormal.report.record import Record
    from absnormal.report.summary import Summary

    form = {"json": "json", "sarif": "sarif", "xml": "junit"}[file.rpartition(".")[2]]
    with open(file, "w", encoding="utf-8") as out:
        writer, summary = FORMATS[form](out, __version__), Summary()
        for number, finding in enumerate(found):
            record = Record.from_dict({**finding.values, "index": number})
            for _ in range(finding.times):
                summary.add(record)
            writer.write(finding.nodeid, record, expected=finding.expected)
        writer.end(summary)
