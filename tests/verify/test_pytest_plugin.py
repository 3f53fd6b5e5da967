"""The plugin of pytest: expression files are tests only where they are asked for."""

import pytest

from tests.verify.test_command import BROKEN, NOISY, RIGHT, WRONG

pytest_plugins = ["pytester"]
# whether or not it is installed as an entry point
PLUGIN = ("-p", "no:gradcli", "-p", "gradcli.pytest_plugin")


@pytest.fixture
def files(pytester: pytest.Pytester) -> pytest.Pytester:
    texts = {"a": RIGHT, "b": WRONG, "c": NOISY, "d": BROKEN, "e": "y = sum(w*x)\n"}
    for name, text in texts.items():
        (pytester.path / f"{name}.expr").write_text(text)
    return pytester


def test_nothing_is_collected_that_was_not_asked_for(files: pytest.Pytester) -> None:
    assert files.runpytest_subprocess(*PLUGIN).ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_a_flag_collects_every_file(files: pytest.Pytester) -> None:
    result = files.runpytest_subprocess(*PLUGIN, "--gradcli", "-rs")
    result.assert_outcomes(passed=1, failed=2, skipped=2)
    text = result.stdout.str()
    assert "line 3: allclose(grad(loss, w), 4*w) is false: `4*w` is 2 times `grad(loss, w)`" in text
    assert "d.expr:2" in text
    assert "needs inputs: w, x" in text
    assert "Traceback" not in text


def test_an_ini_option_collects_what_matches(files: pytest.Pytester) -> None:
    files.makeini("[pytest]\ngradcli_files = a.expr")
    files.runpytest_subprocess(*PLUGIN).assert_outcomes(passed=1)


def test_a_gradient_that_is_not_finite_fails_unless_it_is_allowed(files: pytest.Pytester) -> None:
    (files.path / "a.expr").write_text("x = param(0.)\ny = sqrt(x)\n")
    files.makeini("[pytest]\ngradcli_files = a.expr")
    result = files.runpytest_subprocess(*PLUGIN)
    result.assert_outcomes(failed=1)
    assert "sqrt (line 2), taken at 0" in result.stdout.str()
    files.makeini("[pytest]\ngradcli_files = a.expr\ngradcli_allow_nonfinite = true")
    files.runpytest_subprocess(*PLUGIN).assert_outcomes(passed=1)
