"""Sets crmkit up and starts it, with nothing but Python on the machine.

    python3 run.py [arguments]           start crmkit (default: serve)
    python3 run.py test [--long] [--browser] [pytest arguments]
    python3 run.py bench [arguments]     measure

The packages live in .venv beside this file, at the versions and hashes of locks/. A stamp in .venv
says what was installed; while it matches, nothing is installed and this file costs about 50 ms.

Standard library only, and no syntax that an old Python 3 cannot read: it has to tell what is wrong.
"""

import sys

OLDEST = (3, 11)

if sys.version_info < OLDEST:
    import os
    import shutil

    for minor in range(20, OLDEST[1] - 1, -1):
        newer = shutil.which("python3.{}".format(minor))
        if newer:
            os.execv(newer, [newer] + sys.argv)
    sys.exit(
        "run.py: crmkit needs Python {}.{} or newer, this is {}.{} ({}). Install a newer Python "
        "and start run.py with it, for example: python3.12 run.py".format(
            *(OLDEST + tuple(sys.version_info[:2]) + (sys.executable,))
        )
    )

import ast
import hashlib
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
TOOLS = ROOT / ".tools"
LOCKS = ROOT / "locks"
STAMP = VENV / "crmkit-stamp.json"
BIN = "Scripts" if os.name == "nt" else "bin"
PYTHON = VENV / BIN / ("python.exe" if os.name == "nt" else "python")
#: What may be installed, each containing the one before, with the MB it takes.
LEVELS = (("default", 250), ("dev", 400), ("browser", 600), ("bench", 700))
#: What the assets are built from: a changed file means a rebuild, which takes a second.
ASSET_SOURCES = ("assets", "crmkit/web/static", "crmkit/locale")
GATES = (
    ("ruff check", ["ruff", "check", "."]),
    ("ruff format", ["ruff", "format", "--check", "."]),
    ("mypy", ["mypy"]),
    ("import-linter", ["lint-imports", "--no-logo"]),
    ("codespell", ["codespell"]),
    ("djlint", ["djlint", "--lint", "--quiet", "crmkit", "plugins"]),
)
FAILED = 1
MISUSED = 2


class SetupError(Exception):
    """The machine lacks something; the message says what and how to get it."""


# What is installed, and what should be.


def read_stamp() -> dict:
    """Read what the last set-up left.

    Returns:
        The stamp; empty where .venv has to be made anew: there is none, its Python is gone or was
        upgraded, it was moved here, or the set-up never ended. Only "root" where someone made .venv
        without this file: then it is filled, not replaced.
    """
    base = os.path.realpath(str(PYTHON))
    if not PYTHON.exists():
        return {}
    if not STAMP.exists():
        check = "import sys; sys.exit(sys.version_info < {})".format(OLDEST)
        works = subprocess.call([str(PYTHON), "-c", check]) == 0
        return {"root": str(ROOT)} if works else {}
    try:
        stamp = json.loads(STAMP.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if stamp.get("root") == str(ROOT) and stamp.get("base") == base else {}


def digest(paths: list) -> str:
    """Digest the content of files."""
    total = hashlib.sha256()
    for path in paths:
        total.update(path.read_bytes())
    return total.hexdigest()


def wanted_stamp(level: int) -> dict:
    """Describe the installation that the files in this folder ask for."""
    locks = [LOCKS / (LEVELS[level][0] + ".lock"), LOCKS / "build.lock"]
    seen = []
    for folder in ASSET_SOURCES:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and path.suffix != ".mo" and "vendor" not in path.parts:
                state = path.stat()
                seen.append([str(path.relative_to(ROOT)), state.st_size, state.st_mtime_ns])
    return {
        "root": str(ROOT),
        "level": level,
        "packages": digest(locks),
        "project": digest([ROOT / "pyproject.toml", ROOT / "hatch_build.py"]),
        "assets": hashlib.sha256(json.dumps(seen).encode()).hexdigest(),
    }


def write_stamp(stamp: dict) -> None:
    """Replace the stamp in one step."""
    new = STAMP.with_suffix(".new")
    new.write_text(json.dumps(stamp, indent=1), "utf-8")
    new.replace(STAMP)


def set_up(level: int) -> None:
    """Bring .venv to the given level; does nothing when it is there."""
    have = read_stamp()
    level = max(level, have.get("level", 0))
    wanted = wanted_stamp(level)
    changed = {key for key, value in wanted.items() if have.get(key) != value}
    if not changed:
        return
    began = time.monotonic()
    packages = bool(changed & {"root", "level", "packages"})
    if not packages:
        say("crmkit: taking in what changed ...")
    elif have:
        say("crmkit: installing packages ...")
    else:
        say("crmkit: setting up .venv; this takes about a minute, and only the first time ...")
    install(level, fresh=not have, packages=packages)
    # Only now, so that a set-up that was cut off is done again.
    wanted["base"] = os.path.realpath(str(PYTHON))
    write_stamp(wanted)
    say("crmkit: ready after {:.1f} s.".format(time.monotonic() - began))


# Installing.


def install(level: int, fresh: bool, packages: bool) -> None:
    """Install with uv, or with pip where uv cannot be had."""
    name, megabytes = LEVELS[level]
    if packages:
        check_disk(megabytes)
    uv = find_uv()
    if fresh:
        make_venv(with_pip=uv is None)
    write_stamp({"unfinished": True})
    lock = str(LOCKS / (name + ".lock"))
    build = str(LOCKS / "build.lock")
    if uv:
        start = [uv, "pip", "install", "--quiet", "--python", str(PYTHON)]
        env = uv_environment()
        if packages:
            run(start + ["--compile-bytecode", "--require-hashes", "-r", lock], env)
        run(start + ["--no-deps", "--build-constraints", build, "--editable", str(ROOT)], env)
    else:
        if subprocess.call([str(PYTHON), "-m", "pip", "--version"], stdout=subprocess.DEVNULL):
            make_venv(with_pip=True)  # it was made with uv, which is gone
            write_stamp({"unfinished": True})
            packages = True
        start = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        env = dict(os.environ)
        if packages:
            run(start + ["--require-hashes", "-r", lock], env)
        run(start + ["--no-deps", "--editable", str(ROOT)], env)


def make_venv(with_pip: bool) -> None:
    """Make .venv anew; what is left of an old one goes."""
    remove(VENV)
    words = [sys.executable, "-m", "venv"] + ([] if with_pip else ["--without-pip"])
    done = subprocess.run(words + [str(VENV)], capture_output=True, text=True, check=False)
    if done.returncode:
        remove(VENV)
        check_disk(1)
        raise SetupError(
            "{} cannot make a virtual environment. On Debian and Ubuntu install it with: "
            "apt install python3-venv\n{}".format(
                sys.executable, (done.stdout + done.stderr).strip()
            )
        )


def find_uv() -> "str | None":
    """Find uv on the PATH or in .tools, or install it there; None when that fails."""
    own = str(TOOLS / BIN / "uv")
    for uv in (shutil.which("uv"), shutil.which(own)):
        if uv and subprocess.call([uv, "--version"], stdout=subprocess.DEVNULL) == 0:
            return uv
    remove(TOOLS)
    make = [sys.executable, "-m", "venv", str(TOOLS)]
    if subprocess.run(make, capture_output=True, check=False).returncode:
        remove(TOOLS)
        return None
    python = str(TOOLS / BIN / PYTHON.name)
    words = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    words += ["--only-binary=:all:", "--require-hashes", "-r", str(LOCKS / "tools.lock")]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        remove(TOOLS)
        say("crmkit: uv is not to be had here; pip does the work, more slowly ...")
        return None
    return own


def uv_environment() -> dict:
    """Pass pip's index settings on to uv, which does not read them; uv's own settings win."""
    env = dict(os.environ)
    settings = pip_settings()
    extra = settings.get("extra-index-url", "").split()
    passed = {
        "UV_DEFAULT_INDEX": settings.get("index-url"),
        "UV_INDEX": " ".join(extra),
        # pip takes the best version of all indexes; what may be installed is fixed by hash anyway.
        "UV_INDEX_STRATEGY": "unsafe-best-match" if extra else None,
        "UV_FIND_LINKS": ",".join(settings.get("find-links", "").split()),
        "UV_NO_INDEX": "1"
        if settings.get("no-index", "").lower() in {"1", "true", "yes"}
        else None,
        "UV_INSECURE_HOST": " ".join(settings.get("trusted-host", "").split()),
        "SSL_CERT_FILE": settings.get("cert"),
        "ALL_PROXY": settings.get("proxy"),
    }
    for key, value in passed.items():
        if value:
            env.setdefault(key, value)
    return env


def pip_settings() -> dict:
    """Read pip's settings: environment before the section for installing before the global one."""
    for python in (TOOLS / BIN / PYTHON.name, Path(sys.executable)):
        words = [str(python), "-m", "pip", "config", "list"]
        if python.exists():
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            if done.returncode == 0:
                break
    else:
        return {}
    found = {}
    for line in done.stdout.splitlines():
        key, equals, value = line.partition("=")
        section, dot, name = key.rpartition(".")
        if equals and dot and section in {"global", "install", ":env:"}:
            found[section, name] = str(ast.literal_eval(value))
    order = ("global", "install", ":env:")
    return {
        name: value for at in order for (section, name), value in found.items() if section == at
    }


def run(words: list, env: dict) -> None:
    """Run one step of the installation; its own output stays on the terminal."""
    if subprocess.call(words, env=env, cwd=str(ROOT)):
        check_disk(50)
        raise SetupError(
            "the packages could not be installed, the lines above say why. Check the network, and "
            "the proxy and index settings of pip ({} -m pip config list), then run this "
            "again.".format(sys.executable)
        )


def check_disk(megabytes: int) -> None:
    """Refuse with a sentence when the disk has less room than a step needs."""
    free = shutil.disk_usage(str(ROOT)).free // 2**20
    if free < megabytes:
        raise SetupError(
            "{} has {} MB free and the packages need {} MB. Make room, then run this again.".format(
                ROOT, free, megabytes
            )
        )


def remove(path: Path) -> None:
    """Remove a file, link or folder, whichever it is."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(str(path))
    elif path.exists() or path.is_symlink():
        path.unlink()


# Starting.


def start(words: list, cwd: "Path | None" = None) -> int:
    """Become the given Python command; on Windows wait for it, because exec there does not."""
    sys.stdout.flush()
    command = [str(PYTHON)] + words
    if cwd:
        os.chdir(str(cwd))
    if os.name != "nt":
        os.execv(command[0], command)
    return subprocess.call(command)


def test(words: list) -> int:
    """Run the gates and the suite; with arguments for pytest only pytest."""
    browser = "--browser" in words
    marks = "" if "--long" in words else "not long"
    rest = [word for word in words if word not in {"--browser", "--long"}]
    set_up(2 if browser else 1)
    if browser:
        # Tells the suite to fail, not to skip, where no browser can be started.
        os.environ["CRMKIT_BROWSER"] = "demanded"
    # Commands that tests start compile themselves once, as they do where people use them.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    failed = [] if rest else check_gates()
    command = [str(PYTHON), "-m", "pytest"]
    if "-m" not in rest and marks:
        command += ["-m", marks]
    if not any(word.startswith(("-n", "--numprocesses")) for word in rest):
        # Neighbours stay together, so that two processes seldom make the same site.
        command += ["-n", "2", "--dist", "worksteal"]
    if marks:
        # A test that stands still fails by name with its stack, and the others go on.
        command += ["-o", "faulthandler_timeout=240", "-o", "faulthandler_exit_on_timeout=true"]
    if failed:
        say("failed: {}; the tests follow.".format(", ".join(failed)))
    code = subprocess.call(command + rest, cwd=str(ROOT))
    return code or (FAILED if failed else 0)


def check_gates() -> list:
    """Run all gates side by side and name those that failed."""
    running = []
    for name, words in GATES:
        command = [str(PYTHON.parent / words[0])] + words[1:]
        pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        running.append((name, subprocess.Popen(command, cwd=str(ROOT), **pipe)))
    failed = []
    for name, process in running:
        output = process.communicate()[0].strip()
        say("{}: {}".format(name, "failed\n" + output if process.returncode else "ok"))
        if process.returncode:
            failed.append(name)
    return failed


def bench(words: list) -> int:
    """Start the bench, where there is one."""
    if not (ROOT / "bench" / "__main__.py").exists():
        say("run.py bench: there is no bench/__main__.py in {}.".format(ROOT))
        return MISUSED
    set_up(3)
    return start(["-m", "bench"] + words, cwd=ROOT)


def say(sentence: str) -> None:
    """Tell the person at the terminal; on stderr, so that `--json` output stays clean."""
    print(sentence, file=sys.stderr, flush=True)


def main(words: list) -> int:
    """Do what the first argument says and return the exit code."""
    try:
        if words[:1] == ["test"]:
            return test(words[1:])
        if words[:1] == ["bench"]:
            return bench(words[1:])
        set_up(0)
        # -P: a file named calendar.py in the folder of a site must not hide Python's own.
        return start(["-P", "-m", "crmkit"] + (words or ["serve"]))
    except SetupError as error:
        say("run.py: {}".format(error))
    except OSError as error:
        say(
            "run.py: {}. Check the rights and the room in {}, then run this again.".format(
                error, ROOT
            )
        )
    except KeyboardInterrupt:
        say("run.py: stopped.")
    return FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
