"""The house keeps its one direction of imports, and the program starts without the heavy ones."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_imports_go_one_way(monkeypatch, capsys):
    """The contracts stand in pyproject.toml, where ``lint-imports`` reads them too."""
    from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

    monkeypatch.chdir(ROOT)
    status = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    said = capsys.readouterr().out
    assert status == EXIT_STATUS_SUCCESS, said
    assert "2 kept, 0 broken" in said


def imported_by(code):
    """The top-level modules that a fresh interpreter has loaded after ``code``."""
    script = (
        f"{code}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}}, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


@pytest.mark.parametrize("page", [["--help"], ["fit", "--help"], ["--version"]])
def test_help_needs_nothing_heavy(page):
    modules = imported_by(f"from narrows.cli import main\nassert main({page!r}) == 0")
    assert "cyclopts" in modules  # else the program did not run
    assert not modules & {"torch", "numpy", "scipy", "sklearn", "pyarrow", "matplotlib"}


def test_the_package_itself_needs_nothing_heavy():
    assert not imported_by("import narrows") & {"torch", "numpy", "scipy", "sklearn", "pyarrow", "cyclopts"}
