"""JUnit's XML: what the usual schemas ask for is there, whatever a check found."""

import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from gradcli.render import CHECK
from gradcli.verify.run import Outcome, Unbound, attempted
from tests.verify.checking import checked

SCHEMA = Path(__file__).parent / "junit.xsd"
# a file, and how many tests, failures, errors and skipped ones it gives
FILES = {
    "all right": ("w = param([1., 2.])\ny = (w**2).sum()\nassert allclose(grad(y, w), 2*w)",
                  (2, 0, 0, 0)),
    "a wrong gradient": ("w = param(0.)\ny = w*sqrt(w)", (1, 1, 0, 0)),
    "a false claim": ("w = param(1.)\ny = w**2\nassert allclose(grad(y, w), w)", (2, 1, 0, 0)),
    "undecided": ("w = param(1e-8)\ny = 1e12 + w*abs(w)", (1, 0, 0, 1)),
    "nothing to check": ("y = tensor(1.)", (0, 0, 0, 0)),
    "an error": ("w = param(", (1, 0, 1, 0)),
    "letters of XML": ('w = param(1.)\nassert w < 0, "<&>"', (1, 1, 0, 0)),
    "inputs": ("", (1, 0, 0, 1)),
}  # fmt: skip


def outcome(name: str) -> Outcome:
    def report() -> Any:
        if name == "inputs":
            raise Unbound(("x",))
        return checked(FILES[name][0])

    return attempted(f"{name} <&>.expr", report)


def suites(names: list[str]) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(CHECK["junit"]([outcome(name) for name in names])))


@pytest.mark.parametrize("name", FILES)
def test_a_report_follows_the_schema(name: str) -> None:
    etree = pytest.importorskip("lxml.etree")
    schema = etree.XMLSchema(etree.parse(SCHEMA))
    report = etree.fromstring(CHECK["junit"]([outcome(name)]).encode())
    assert schema.validate(report), schema.error_log


def test_the_schema_refuses_what_lacks_a_time() -> None:
    etree = pytest.importorskip("lxml.etree")
    schema = etree.XMLSchema(etree.parse(SCHEMA))
    text = CHECK["junit"]([outcome("all right")])
    start = text.index(' time="', text.index("<testcase"))
    assert not schema.validate(etree.fromstring((text[:start] + text[start + 13 :]).encode()))


@pytest.mark.parametrize("name", FILES)
def test_every_suite_counts_and_times_its_cases(name: str) -> None:
    (suite,) = suites([name])
    counts = [int(suite.attrib[k]) for k in ("tests", "failures", "errors", "skipped")]
    assert tuple(counts) == FILES[name][1]
    cases = suite.findall("testcase")
    assert counts == [
        len(cases), *(len(suite.findall(f"testcase/{k}")) for k in ("failure", "error", "skipped"))
    ]  # fmt: skip


def test_suites_are_numbered() -> None:
    assert [s.attrib["id"] for s in suites(["all right", "an error"])] == ["0", "1"]


def test_times_are_those_of_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradcli.verify.run.time", lambda: 86400.0)
    monkeypatch.setattr("gradcli.verify.run.monotonic", iter([10.0, 12.5]).__next__)
    ticks = iter([1.0, 1.25, 3.0, 3.5])  # the one gradient, and the claim
    monkeypatch.setattr(sys.modules["gradcli.verify.check"], "monotonic", ticks.__next__)
    (suite,) = suites(["all right"])
    assert (suite.attrib["timestamp"], suite.attrib["time"]) == ("1970-01-02T00:00:00", "2.500")
    assert [case.attrib["time"] for case in suite.findall("testcase")] == ["0.250", "0.500"]
