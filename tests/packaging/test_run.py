"""run.py: what it says, when it installs, and what it hands to uv."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Load run.py as if it lay, with all it looks at, in an empty folder."""
    for name in ("run.py", "pyproject.toml", "hatch_build.py", "locks"):
        (tmp_path / name).symlink_to(ROOT / name)
    spec = importlib.util.spec_from_file_location("run_under_test", ROOT / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    venv = tmp_path / ".venv"
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "VENV", venv)
    monkeypatch.setattr(module, "TOOLS", tmp_path / ".tools")
    monkeypatch.setattr(module, "STAMP", venv / "crmkit-stamp.json")
    monkeypatch.setattr(module, "PYTHON", venv / "bin" / "python")
    return module


@pytest.fixture
def installs(run: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """Record each installation instead of doing it; .venv gets a Python and nothing else."""
    done: list[dict[str, object]] = []

    def install(level: int, *, fresh: bool, packages: bool) -> None:
        done.append({"level": level, "fresh": fresh, "packages": packages})
        if fresh:
            run.remove(run.VENV)
            run.PYTHON.parent.mkdir(parents=True)
            run.PYTHON.symlink_to(sys.executable)

    monkeypatch.setattr(run, "install", install)
    return done


def test_an_old_python_can_read_it() -> None:
    ast.parse((ROOT / "run.py").read_text("utf-8"), feature_version=(3, 4))


def test_it_needs_only_the_standard_library() -> None:
    tree = ast.parse((ROOT / "run.py").read_text("utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import)]
    named = {alias.name for node in imports for alias in node.names}
    named |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

    assert set() == {name.split(".")[0] for name in named} - sys.stdlib_module_names


def test_a_second_start_installs_nothing(run: ModuleType, installs: list[object]) -> None:
    run.set_up(0)
    run.set_up(0)

    assert [{"level": 0, "fresh": True, "packages": True}] == installs


def test_starting_after_testing_keeps_the_larger_installation(
    run: ModuleType, installs: list[object]
) -> None:
    run.set_up(1)
    run.set_up(0)

    assert 1 == len(installs)


def test_testing_after_starting_adds_packages(run: ModuleType, installs: list[object]) -> None:
    run.set_up(0)
    run.set_up(1)

    assert {"level": 1, "fresh": False, "packages": True} == installs[-1]


def test_a_changed_lock_installs_again(
    run: ModuleType, installs: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.set_up(0)
    for name in ("default", "build"):
        (tmp_path / f"{name}.lock").write_text("changed", "utf-8")
    monkeypatch.setattr(run, "LOCKS", tmp_path)
    run.set_up(0)

    assert {"level": 0, "fresh": False, "packages": True} == installs[-1]


def test_a_changed_style_sheet_builds_assets_only(
    run: ModuleType, installs: list[object], tmp_path: Path
) -> None:
    run.set_up(0)
    sheet = tmp_path / "crmkit" / "web" / "static" / "css" / "core.css"
    sheet.parent.mkdir(parents=True)
    sheet.write_text("a{}", "utf-8")
    run.set_up(0)

    assert {"level": 0, "fresh": False, "packages": False} == installs[-1]


@pytest.mark.parametrize("damage", ["python", "stamp", "unfinished", "moved", "file"])
def test_a_broken_environment_is_made_anew(
    run: ModuleType, installs: list[object], damage: str
) -> None:
    run.set_up(0)
    stamp = json.loads(run.STAMP.read_text("utf-8"))
    if damage == "python":
        run.PYTHON.unlink()
    elif damage == "stamp":
        run.STAMP.write_text("{half", "utf-8")
    elif damage == "unfinished":
        run.write_stamp({"unfinished": True})
    elif damage == "moved":
        run.write_stamp(stamp | {"root": "/elsewhere"})
    else:
        run.remove(run.VENV)
        run.VENV.write_text("no folder", "utf-8")
    run.set_up(0)

    assert {"level": 0, "fresh": True, "packages": True} == installs[-1]


def test_an_environment_made_by_hand_is_filled_not_replaced(
    run: ModuleType, installs: list[object]
) -> None:
    run.PYTHON.parent.mkdir(parents=True)
    run.PYTHON.symlink_to(sys.executable)
    run.set_up(0)

    assert [{"level": 0, "fresh": False, "packages": True}] == installs


def test_the_settings_of_pip_reach_uv(run: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in [key for key in os.environ if key.startswith(("UV_", "PIP_", "SSL_CERT_FILE"))]:
        monkeypatch.delenv(key)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.example/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://one.example https://two.example")
    monkeypatch.setenv("PIP_FIND_LINKS", "/wheels /more")
    monkeypatch.setenv("PIP_CERT", "/ca.pem")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://own.example/simple")
    base = Path(sys.base_prefix) / "bin" / "python3"
    monkeypatch.setattr(sys, "executable", str(base))

    env = run.uv_environment()

    assert "https://own.example/simple" == env["UV_DEFAULT_INDEX"]
    assert "https://one.example https://two.example" == env["UV_INDEX"]
    assert "unsafe-best-match" == env["UV_INDEX_STRATEGY"]
    assert "/wheels,/more" == env["UV_FIND_LINKS"]
    assert "/ca.pem" == env["SSL_CERT_FILE"]


def test_a_full_disk_is_told_before_anything_is_written(
    run: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run.shutil, "disk_usage", lambda _: SimpleNamespace(free=3 * 2**20))
    code = run.main(["--help"])

    assert 1 == code
    assert "3 MB free and the packages need 250 MB" in capsys.readouterr().err
    assert not run.VENV.exists()


def test_a_failed_installation_names_the_remedy(
    run: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run.PYTHON.parent.mkdir(parents=True)
    run.PYTHON.symlink_to(sys.executable)
    monkeypatch.setattr(run, "find_uv", lambda: "false")
    code = run.main(["--help"])

    assert 1 == code
    assert "Check the network" in capsys.readouterr().err
    assert {} == run.read_stamp()


def test_bench_says_where_it_is_missing(
    run: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 2 == run.main(["bench"])
    assert "bench/__main__.py" in capsys.readouterr().err
