"""The rules of the house, read off the source: who may import whom, and who may do what.

Every rule has a counter-example in `BROKEN`, so that a rule which has stopped looking is noticed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "dwctl"
MODULES = sorted(SOURCE.rglob("*.py"))

LONGEST_FILE = 400

MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "counted": set(),
    "typed_commands": set(),
    "cutover": {"errors", "cutover"},
    "settings": {"errors", "cutover", "settings"},
    "bundle": {"errors", "bundle"},
    "server": {"errors", "settings", "bundle", "server"},
    "embedded": {"errors", "settings", "bundle", "embedded"},
    "transfer": {"errors", "counted", "typed_commands", "settings", "bundle", "server", "embedded", "transfer"},
    "checklist": {
        *("errors", "counted", "typed_commands", "cutover", "settings", "bundle", "server", "embedded", "transfer"),
        "checklist",
    },
    "rehearsal": {"errors", "bundle", "rehearsal"},
    "explanations": {"errors", "bundle", "server", "embedded", "transfer", "checklist"},
    "render": {
        *("errors", "counted", "typed_commands", "settings", "bundle", "server", "embedded", "transfer", "checklist"),
        *("explanations", "render"),
    },
}
"""Layer → the layers it may import. `cli`, on top, may import all of them; nothing may import `cli`.

A layer is a package. The modules beside the packages are `errors`, `counted`, `typed_commands`, `explanations`
and the parts of `settings`.
"""

PURE_IMPORTS = {
    *("__future__", "base64", "binascii", "bisect", "codecs", "collections", "contextlib", "copy"),
    *("dataclasses", "datetime", "decimal", "enum", "functools", "hashlib", "heapq", "hmac", "io", "itertools", "json"),
    *("math", "operator", "re", "struct", "types", "typing", "unicodedata", "zlib"),
    *("fastavro", "jsonschema", "msgspec", "orjson", "pydantic", "referencing", "dwctl"),
}
"""What `bundle/` may import: nothing that reaches a file, a clock, a network, a process, an environment."""

ONLY_IN = {
    "rich": re.compile(r"render\.console"),
    "jinja2": re.compile(r"render\.html"),
    "junitparser": re.compile(r"render\.junit$"),
    "typer": re.compile(r"cli(\.|$)"),
    "click": re.compile(r"cli(\.|$)"),
    "fsspec": re.compile(r"transfer\.storage\.object_store$"),
    "zstandard": re.compile(r"transfer\.files\.compression$"),
    "httpx": re.compile(r"(server|rehearsal)(\.|$)"),
    "sqlalchemy": re.compile(r"embedded(\.|$)"),
    "pymysql": re.compile(r"embedded(\.|$)"),
    "psycopg": re.compile(r"embedded(\.|$)"),
}
"""A third-party package → the modules that may import it."""

HEAVY = {"fastavro", "httpx", "jinja2", "jsonschema", "junitparser", "msgspec", "orjson", "pydantic", "rich"}
LIGHT = ("dwctl.cli.", "dwctl.errors.", "dwctl.render.text.")
"""What a module of `cli` may not load, and what of ours it may, while it is itself imported."""

FORBIDDEN_CALLS = {"print", "input", "exit", "quit", "breakpoint"}
FORBIDDEN_ATTRIBUTES = {
    *("os.environ", "os.environb", "os.getenv", "os.putenv", "os._exit"),
    *("sys.argv", "sys.exit", "sys.stdin", "sys.stdout", "sys.stderr"),
}
"""What nothing below `cli` does: streams, settings and the exit are handed in, or are the boundary's."""

FILE_CALLS = {"open", "io.open", "io.FileIO", "codecs.open"}
CLOCKS = {"now", "utcnow", "today"}
DRAWERS = {"utils", "util", "helpers", "helper", "manager", "managers", "common", "misc"}


def test_every_module_of_the_source_is_looked_at() -> None:
    names = {module_name(path) for path in MODULES}
    assert {"errors", "bundle.canonical", "cli.main"} <= names


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_a_module_keeps_the_rules_of_the_house(path: Path) -> None:
    assert list(complaints(module_name(path), path.read_text(encoding="utf-8"))) == []


DOC = '"""Doc."""\n'

BROKEN = {
    "bundle.verify": [
        ("from dwctl.cli import output", "bundle imports dwctl.cli"),
        ("from dwctl import cli", "bundle imports dwctl.cli"),
        ("from ..cli import output", "relative import"),
        ("import dwctl.transfer.files.sources", "bundle imports dwctl.transfer"),
        ("from dwctl.settings import Setting", "bundle imports dwctl.settings"),
        ("from dwctl.secret import Secret", "bundle imports dwctl.secret"),
        ("def f():\n    from dwctl.server import target", "bundle imports dwctl.server"),
        ("import os", "is pure, but imports os"),
        ("from pathlib import Path", "is pure, but imports pathlib"),
        ("def f():\n    import urllib.request", "is pure, but imports urllib"),
        ("text = open('x').read()", "is pure, but calls open()"),
        ("import io\nio.open('x')", "is pure, but calls io.open()"),
        ("import datetime as d\nx = d.datetime.now()", "is pure, but reads the clock: now()"),
        ("import rich", "bundle.verify imports rich"),
        ("def verify() -> None:\n    return None", "no docstring: verify"),
        ("class Verdict:\n    x: int", "no docstring: Verdict"),
        ('class V:\n    """V."""\n    def who(self): ...', "no docstring: V.who"),
        ("x = 1\n" * (LONGEST_FILE + 1), "is longer than"),
    ],
    "server.transport": [("from dwctl.transfer import ledger", "server imports dwctl.transfer")],
    "transfer.imports.importing": [
        ("from dwctl.checklist import runner", "transfer imports dwctl.checklist"),
        ("from dwctl.render import console", "transfer imports dwctl.render"),
        ("print('done')", "calls print()"),
        ("import sys\nsys.exit(1)", "uses sys.exit"),
        ("import sys\nsys.stdout.write('x')", "uses sys.stdout"),
        ("import os\nx = os.environ['A']", "uses os.environ"),
        ("from os import getenv", "uses os.getenv"),
        ("from sys import stderr as e", "uses sys.stderr"),
        ("raise SystemExit(3)", "raises SystemExit"),
        ("import httpx", "transfer.imports.importing imports httpx"),
        ("from fsspec.core import url_to_fs", "transfer.imports.importing imports fsspec"),
        ("from sqlalchemy import select", "transfer.imports.importing imports sqlalchemy"),
        ("def _f():\n    import pymysql", "transfer.imports.importing imports pymysql"),
        ("from psycopg import errors", "transfer.imports.importing imports psycopg"),
        ("def _f():\n    import zstandard", "transfer.imports.importing imports zstandard"),
    ],
    "render.json": [
        ("import rich.table", "render.json imports rich"),
        ("from jinja2 import Environment", "render.json imports jinja2"),
        ("def _f():\n    import junitparser", "render.json imports junitparser"),
        ("from dwctl.bundle.verify import verify_bundle", "imports a function: verify_bundle"),
        ("from dwctl.bundle import verify", "imports a function: verify"),
        ("import dwctl.bundle.verify", "imports a module"),
    ],
    "render.console": [("import typer", "render.console imports typer")],
    "cli.bundle": [
        ("def f():\n    import rich", "cli.bundle imports rich"),
        ("import orjson", "loads orjson when it is imported"),
        ("from dwctl.bundle.verify import Verdict", "loads dwctl.bundle.verify.Verdict when it is imported"),
        ("from dwctl.settings import Setting", "loads dwctl.settings.Setting when it is imported"),
        ("if True:\n    import pydantic", "loads pydantic when it is imported"),
        ("class A:\n    import pydantic", "loads pydantic when it is imported"),
    ],
    "bundle.utils": [("", "is a drawer")],
    "render.helpers.text": [("", "is a drawer")],
    "newlayer.thing": [("", "is no layer")],
}


@pytest.mark.parametrize(
    ("module", "text", "complaint"), [(module, *case) for module, cases in BROKEN.items() for case in cases]
)
def test_a_broken_rule_is_complained_of(module: str, text: str, complaint: str) -> None:
    assert complaint in "\n".join(complaints(module, DOC + text))


def test_a_module_without_docstring_is_complained_of() -> None:
    assert list(complaints("bundle.verify", "")) == ["no docstring: the module"]


SOUND = [
    ("bundle.verify", "import hashlib\nfrom dwctl.errors import AnswerIsNo\nfrom dwctl.bundle import rules"),
    ("bundle.verify", 'LIMIT = 3\nclass _V: ...\nclass V:\n    """V."""\n    def __len__(self): ...'),
    (
        "profiles",
        "from pathlib import Path\nfrom dwctl.errors import NotFound\nfrom dwctl.secret import Secret",
    ),
    ("transfer.imports.importing", "import os\nos.replace('a', 'b')\ndef _f():\n    from dwctl.server import target"),
    (
        "render.json",
        "from dwctl import __version__\nfrom dwctl.bundle.verify import Verdict\nfrom dwctl.bundle.rules import RULES",
    ),
    ("render.console", "from rich.table import Table"),
    ("cli.bundle", "import typer\ndef _f():\n    import orjson\n    from dwctl.render import console"),
    ("cli.bundle", "from dwctl.render.text import printable\nfrom dwctl.cli import output"),
    ("cli.bundle", "import typing\nif typing.TYPE_CHECKING:\n    from dwctl.bundle.verify import Verdict"),
    ("cli.bundle", 'class A:\n    """A."""\n    def _f(self):\n        import pydantic'),
]


@pytest.mark.parametrize(("module", "text"), SOUND)
def test_what_the_rules_allow_is_not_complained_of(module: str, text: str) -> None:
    assert list(complaints(module, DOC + text)) == []


# --- the rules ---------------------------------------------------------------------------------------------


def complaints(module: str, text: str) -> Iterator[str]:
    """Everything that is wrong with a module, given its dotted name within dwctl and its text."""
    tree = ast.parse(text)
    yield from _about_the_file(module, text)
    yield from _about_docstrings(tree)
    if module in {"__init__", "__main__"}:
        return
    layer = _layer(module)
    if layer != "cli" and layer not in MAY_IMPORT:
        yield f"{layer} is no layer of the design"
        return
    yield from _about_third_parties(module, tree)
    if layer == "cli":
        yield from _about_start_up(tree)
        return
    yield from _about_our_imports(layer, tree)
    yield from _about_side_effects(tree)
    if layer == "bundle":
        yield from _about_purity(tree)
    if layer == "render":
        yield from _about_rendering(tree)


def _layer(module: str) -> str:
    """`bundle.verify` → `bundle`; a module beside the packages that has no row belongs to `settings`."""
    first, _, inside = module.partition(".")
    return first if inside or first in MAY_IMPORT or first == "cli" else "settings"


def _about_the_file(module: str, text: str) -> Iterator[str]:
    if DRAWERS & set(module.split(".")):
        yield f"{module} is a drawer: name what it holds"
    if (length := len(text.splitlines())) > LONGEST_FILE:
        yield f"{module} is longer than {LONGEST_FILE} lines: {length}"


def _about_our_imports(layer: str, tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield "relative import: the rules of the house read absolute ones"
    for name in _imports(tree):
        if _is_ours(name) and _layer_of_import(name) not in MAY_IMPORT[layer]:
            yield f"{layer} imports {name}"


def _about_third_parties(module: str, tree: ast.AST) -> Iterator[str]:
    for name in _imports(tree):
        package = name.split(".")[0]
        if package in ONLY_IN and not ONLY_IN[package].match(module):
            yield f"{module} imports {package}"


def _about_start_up(tree: ast.Module) -> Iterator[str]:
    for name in (name for node in _run_on_import(tree) for name in _imported_by(node)):
        if name.split(".")[0] in HEAVY or (_is_ours(name) and not name.startswith(LIGHT)):
            yield f"loads {name} when it is imported"


def _about_side_effects(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FORBIDDEN_CALLS:
            yield f"calls {node.func.id}()"
        if isinstance(node, ast.Name) and node.id == "SystemExit":
            yield "raises SystemExit"
        if isinstance(node, ast.Attribute) and (name := ast.unparse(node)) in FORBIDDEN_ATTRIBUTES:
            yield f"uses {name}"
        if isinstance(node, ast.ImportFrom) and node.module in {"os", "sys"}:
            named = {f"{node.module}.{alias.name}" for alias in node.names}
            yield from (f"uses {name}" for name in sorted(named & FORBIDDEN_ATTRIBUTES))


def _about_purity(tree: ast.AST) -> Iterator[str]:
    for name in _imports(tree):
        if (package := name.split(".")[0]) not in PURE_IMPORTS:
            yield f"is pure, but imports {package}"
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        if (name := ast.unparse(node.func)) in FILE_CALLS:
            yield f"is pure, but calls {name}()"
        if isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS:
            yield f"is pure, but reads the clock: {node.func.attr}()"


def _about_rendering(tree: ast.AST) -> Iterator[str]:
    """From the layers below, a renderer takes types (`Verdict`) and tables (`RULES`), and calls nothing.

    `counted` is no layer's: it only words a number.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            ours = [alias.name for alias in node.names if _is_ours(alias.name)]
            yield from (f"imports a module: {name}" for name in ours)
        if isinstance(node, ast.ImportFrom) and _is_below_render(f"{node.module}."):
            names = [alias.name for alias in node.names if not alias.name.startswith("__")]
            lower = [name for name in names if not name[0].isupper()]
            yield from (f"imports a function: {name}" for name in lower)


def _is_below_render(name: str) -> bool:
    return name.startswith("dwctl.") and not name.startswith(("dwctl.render.", "dwctl.errors.", "dwctl.counted."))


def _about_docstrings(tree: ast.Module) -> Iterator[str]:
    if ast.get_docstring(tree) is None:
        yield "no docstring: the module"
    for name, node in _public_definitions(tree):
        if ast.get_docstring(node) is None:
            yield f"no docstring: {name}"


Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def _public_definitions(scope: ast.Module | ast.ClassDef, prefix: str = "") -> Iterator[tuple[str, Definition]]:
    """Public functions and classes of a module, and the public methods of those classes."""
    for node in scope.body:
        if not isinstance(node, Definition) or node.name.startswith("_") or _is_described_elsewhere(node):
            continue
        yield prefix + node.name, node
        if isinstance(node, ast.ClassDef):
            yield from _public_definitions(node, f"{prefix}{node.name}.")


def _is_described_elsewhere(node: Definition) -> bool:
    """An overload or a setter: the definition that it belongs to has the docstring."""
    return any(ast.unparse(decorator).endswith(("overload", ".setter")) for decorator in node.decorator_list)


def _imports(tree: ast.AST) -> list[str]:
    return [name for node in ast.walk(tree) for name in _imported_by(node)]


def _imported_by(node: ast.AST) -> list[str]:
    """The dotted names that a statement imports; `from a import b` gives `a.b`, since b may be a module."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and not node.level:
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def _is_ours(name: str) -> bool:
    """Of dwctl, but for what the package says of itself (`dwctl.__version__`)."""
    return name.startswith("dwctl.") and not name.startswith("dwctl.__")


def _layer_of_import(name: str) -> str:
    """`dwctl.bundle.verify.Verdict` → `bundle`; `dwctl.secret.Secret` → `settings`."""
    return _layer(name.split(".")[1])


def _run_on_import(node: ast.AST) -> Iterator[ast.AST]:
    """What runs when a module is imported: no bodies of functions, nothing that is for type checkers only."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            yield from (inner for branch in child.orelse for inner in (branch, *_run_on_import(branch)))
            continue
        yield child
        yield from _run_on_import(child)


def module_name(path: Path) -> str:
    """`src/dwctl/bundle/verify.py` → `bundle.verify`; a package is named without its `__init__`."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)
