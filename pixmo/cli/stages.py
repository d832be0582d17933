"""`pixmo stages`: what a recipe can use, read from the sources with `ast`, importing nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from pixmo.cli.arguments import json_option
from pixmo.cli.printing import told

FOLDER = Path(__file__).parent.parent / "stages"
SHARED = "pixmo.stages._"  # modules of what several stages have in common


@dataclass(frozen=True)
class Setting:
    """One field of a stage; `kind` is `meaning` (another value gives other rows) or `effort`."""

    name: str
    type: str
    default: str
    kind: str
    help: str


@dataclass(frozen=True)
class StageFacts:
    """A stage as its source tells it."""

    use: str
    does: str
    settings: tuple[Setting, ...]


@click.command()
@json_option
def command(as_json: bool) -> None:
    """List the stages a recipe can use, with their settings."""
    found = stages()
    print(told([asdict(s) for s in found]) if as_json else "\n".join(line for s in found for line in lines(s)))


def stages(folder: Path = FOLDER) -> list[StageFacts]:
    """All stages of a folder, by name."""
    return [facts(path) for path in sorted(folder.glob("[a-z]*.py"))]


def facts(path: Path) -> StageFacts:
    """What one module's source says of its stage."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    name = "".join(part.capitalize() for part in path.stem.split("_"))
    kind = class_in(tree, name)
    shared = (s for base in bases(tree, kind, path.parent) for s in settings(base))
    own = {s.name: s for s in (*shared, *settings(kind))}
    return StageFacts(path.stem, (ast.get_docstring(tree) or "").partition("\n")[0], tuple(own.values()))


def class_in(tree: ast.Module, name: str) -> ast.ClassDef:
    """The class of that name."""
    return next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)


def bases(tree: ast.Module, kind: ast.ClassDef, folder: Path) -> Iterator[ast.ClassDef]:
    """The classes it inherits settings from, the furthest first: those of the folder's shared modules."""
    inherited = {base.id for base in kind.bases if isinstance(base, ast.Name)}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(SHARED):
            module = folder / f"{(node.module or '').rpartition('.')[2]}.py"
            for name in sorted(inherited & {alias.name for alias in node.names}):
                shared = ast.parse(module.read_text(encoding="utf-8"))
                base = class_in(shared, name)
                yield from bases(shared, base, folder)
                yield base


def settings(kind: ast.ClassDef) -> Iterator[Setting]:
    """The fields of a dataclass; class variables are none."""
    for node in kind.body:
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        declared = ast.unparse(node.annotation)
        if declared.startswith("ClassVar"):
            continue
        yield Setting(node.target.id, declared, *_default(node.value))


def lines(stage: StageFacts) -> Iterator[str]:
    """A stage for people."""
    yield f"{stage.use}: {stage.does}"
    width = max((len(s.name) for s in stage.settings), default=0)
    for s in stage.settings:
        yield f"  {s.name:<{width}}  {s.type} = {s.default}  ({s.kind}) {s.help}".rstrip()


def _default(value: ast.expr | None) -> tuple[str, str, str]:
    """(default, kind, help) of a field's right-hand side."""
    if not isinstance(value, ast.Call):
        return ("" if value is None else ast.unparse(value), "meaning", "")
    arguments = dict(enumerate(value.args)) | {k.arg: k.value for k in value.keywords}
    default, text = arguments.get(0, arguments.get("default")), arguments.get(1, arguments.get("help"))
    said = text.value if isinstance(text, ast.Constant) and isinstance(text.value, str) else ""
    return ("" if default is None else _plain(default), ast.unparse(value.func), said)


def _plain(value: ast.expr) -> str:
    """A default as a value where it is one (32 * 2**20 is 33554432), else as it is written."""
    arithmetic = (ast.BinOp, ast.operator, ast.Constant)
    if all(isinstance(node, arithmetic) for node in ast.walk(value)):
        return repr(eval(compile(ast.Expression(value), "default", "eval")))  # numbers of our own sources only
    return ast.unparse(value)
