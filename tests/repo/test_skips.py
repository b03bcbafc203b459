"""A skip says how to avoid it, and is a failure where skipping is forbidden."""

import pytest

# The hooks alone: the rest of our conftest.py is about this repository.
CONFTEST = "from tests.conftest import pytest_make_collect_report, pytest_runtest_makereport"
TESTS = """
    import pytest
    from tests import needs

    def test_needs_what_nobody_has():
        needs.program("no-such-program", package="no-such-package")

    @pytest.mark.skipif(True, reason="marked")
    def test_marked(): pass

    @pytest.mark.xfail(strict=True)
    def test_expected_to_fail(): assert False

    def test_passes():
        needs.program("sh", package="dash")
"""
WHOLE_FILE = """
    from tests import needs
    needs.module("no_such_module", package="no-such-package")
"""


@pytest.fixture
def inner(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.delenv("BMCHA_NO_SKIP", raising=False)
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(test_inner=TESTS)
    return pytester


def test_a_missing_package_skips_and_names_the_command(inner: pytest.Pytester) -> None:
    result = inner.runpytest_inprocess("-rs")
    result.assert_outcomes(passed=1, skipped=2, xfailed=1)
    result.stdout.fnmatch_lines(
        ["*needs the program no-such-program; to get it: apt install no-such-package*"]
    )


def test_a_skip_is_a_failure_where_skipping_is_forbidden(
    inner: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BMCHA_NO_SKIP", "1")
    result = inner.runpytest_inprocess()
    result.assert_outcomes(passed=1, failed=1, errors=1, xfailed=1)
    result.stdout.fnmatch_lines(["*skipped, but BMCHA_NO_SKIP is set*apt install no-such-package*"])


def test_a_skipped_file_is_a_failure_too(
    inner: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner.makepyfile(test_whole_file=WHOLE_FILE)
    inner.runpytest_inprocess("test_whole_file.py").assert_outcomes(skipped=1)
    monkeypatch.setenv("BMCHA_NO_SKIP", "1")
    result = inner.runpytest_inprocess("test_whole_file.py")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*skipped, but BMCHA_NO_SKIP is set*"])
