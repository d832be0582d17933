"""What a stage is: columns in, columns out, the same rows in the same order.

Five small protocols. `RowStage` is the one to begin with: write `row(self, …)` with annotated parameters (the columns
it needs) and a NamedTuple as its return type (the columns it adds). Settings are the fields of a frozen dataclass; those
declared with `effort(default)` say how hard to try and never rename finished work; all others are meaning and are part
of the stage's fingerprint.
"""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, runtime_checkable

from pixmo.ids import Digest, digest_of

if TYPE_CHECKING:
    import pyarrow as pa

    from pixmo.ask import Answer
    from pixmo.image.decode import Look


def effort(default: Any, help: str = "") -> Any:  # Any: a dataclass field stands in for its value's type
    """A setting that says how hard to try; it is not part of the fingerprint."""
    return field(default=default, metadata={"effort": True, "help": help})


def meaning(default: Any = MISSING, help: str = "") -> Any:  # Any: as above
    """A setting that changes the rows; `help` is the text of its command line option."""
    if isinstance(default, (list, dict)):
        raise TypeError("settings are immutable: use a tuple")
    return field(default=default, metadata={"effort": False, "help": help})


def is_effort(setting: Field[Any]) -> bool:
    """Whether this dataclass field was declared with `effort`."""
    return bool(setting.metadata.get("effort"))


class Picture:
    """The bytes of a row's picture, decoded once however many stages look at it.

    Stages receive it in a worker process that may be killed; they never see a path or the store.
    """

    __slots__ = ("_looks", "data", "sha256")

    def __init__(self, data: bytes, sha256: str = "") -> None:
        self.data = data
        self.sha256 = sha256
        self._looks: dict[int, Look] = {}

    def look(self, max_pixels: int) -> Look:
        """The decoded picture and what was found about it (`pixmo.image.decode.Look`)."""
        from pixmo.image.decode import look

        if max_pixels not in self._looks:
            self._looks = {max_pixels: look(self.data, max_pixels)}
        return self._looks[max_pixels]

    @property
    def any_look(self) -> Look:
        """The look some stage before took, else one with Pillow's own pixel limit."""
        for seen in self._looks.values():
            return seen
        return self.look(2**27)


class World(Protocol):
    """What a WorldStage may reach. Tests build one from `pixmo.engines.fake` and a temporary folder."""

    async def ask(self, engine: str, questions: Sequence[Any]) -> list[Answer[Any]]:  # Any: each engine has its own
        """One answer per question, in order; equal questions are asked once, answered ones not again."""


@runtime_checkable
class Stage(Protocol):
    """Columns in, columns out, same rows; pure."""

    version: ClassVar[int]

    @property
    def needs(self) -> pa.Schema:
        """The columns it reads."""

    @property
    def adds(self) -> pa.Schema:
        """The columns it writes."""

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The added columns of as many rows as came in."""


class WorldStage(Protocol):
    """As Stage, but it may ask the world."""

    version: ClassVar[int]

    @property
    def needs(self) -> pa.Schema:
        """The columns it reads."""

    @property
    def adds(self) -> pa.Schema:
        """The columns it writes."""

    async def __call__(self, batch: pa.RecordBatch, world: World) -> pa.RecordBatch:
        """As Stage; waits for answers."""


class Reduce(Protocol):
    """Sees few columns of all rows, in order, and yields one verdict per row, batch by batch."""

    version: ClassVar[int]

    @property
    def needs(self) -> pa.Schema:
        """The columns it reads."""

    @property
    def adds(self) -> pa.Schema:
        """The columns it writes."""

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """As many batches, of the same sizes, as came in."""


class _Parameter(NamedTuple):
    name: str
    type: Any  # Any: a type form
    optional: bool


@dataclass(frozen=True)
class RowStage:
    """A stage written for one row: subclasses define `row`.

    A parameter annotated `Picture` receives the row's picture instead of a column; such a stage runs in a worker.
    A parameter whose column may be null is annotated `T | None`; for another, a null gives a row of nulls.
    """

    version: ClassVar[int] = 1

    @classmethod
    @functools.cache
    def _parameters(cls) -> tuple[_Parameter, ...]:
        hints = typing.get_type_hints(cls.row)  # type: ignore[attr-defined]  # a subclass's own method
        names = [n for n in inspect.signature(cls.row).parameters if n != "self"]  # type: ignore[attr-defined]
        return tuple(_Parameter(n, *_strip_optional(hints[n])) for n in names)

    @classmethod
    @functools.cache
    def _results(cls) -> tuple[_Parameter, ...]:
        hints = typing.get_type_hints(typing.get_type_hints(cls.row)["return"])  # type: ignore[attr-defined]
        return tuple(_Parameter(n, *_strip_optional(t)) for n, t in hints.items())

    @classmethod
    def takes_picture(cls) -> bool:
        """Whether it must be given the decoded picture."""
        return any(p.type is Picture for p in cls._parameters())

    @classmethod
    def needs_names(cls) -> tuple[str, ...]:
        """The columns `row` reads."""
        return tuple(p.name for p in cls._parameters() if p.type is not Picture)

    @classmethod
    def parameter_columns(cls) -> tuple[str | None, ...]:
        """The column of each parameter of `row`; None where it takes the picture."""
        return tuple(None if p.type is Picture else p.name for p in cls._parameters())

    @classmethod
    def adds_names(cls) -> tuple[str, ...]:
        """The columns `row` writes."""
        return tuple(p.name for p in cls._results())

    @property
    def needs(self) -> pa.Schema:
        """The columns `row` reads, as an Arrow schema."""
        import pyarrow as pa

        return pa.schema([pa.field(p.name, arrow_type(p.type)) for p in self._parameters() if p.type is not Picture])

    @property
    def adds(self) -> pa.Schema:
        """The columns `row` writes, as an Arrow schema."""
        import pyarrow as pa

        return pa.schema([pa.field(p.name, arrow_type(p.type)) for p in self._results()])

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Runs `row` over a batch; picture stages are run by the runner's workers instead."""
        import pyarrow as pa

        columns = [batch.column(name).to_pylist() for name in self.needs_names()]
        out = list(self.rows(zip(*columns, strict=True))) if columns else []
        by_name = list(zip(*out, strict=True)) if out else [() for _ in self.adds]
        return pa.RecordBatch.from_arrays(
            [pa.array(v, f.type) for v, f in zip(by_name, self.adds, strict=True)], schema=self.adds
        )

    def rows(self, rows: Iterable[Sequence[Any]]) -> Iterator[tuple[Any, ...]]:  # Any: column values
        """`row` over rows of arguments; nulls where a required argument is null."""
        required = [not p.optional for p in self._parameters()]
        nothing = (None,) * len(self._results())
        row = self.row  # type: ignore[attr-defined]
        for values in rows:
            blank = any(need and value is None for need, value in zip(required, values, strict=True))
            yield nothing if blank else row(*values)


AnyStage = Any  # one of the protocols above; settings are read with dataclasses.fields


def settings_of(stage: AnyStage) -> dict[str, Any]:
    """All settings of a stage by name."""
    return {f.name: getattr(stage, f.name) for f in fields(stage)}


def fingerprint(stage: AnyStage) -> Digest:
    """What the stage is: its class, version, the settings that are meaning, and the content of files it uses (`content()`)."""
    kind = type(stage)
    told = {f.name: getattr(stage, f.name) for f in fields(stage) if not is_effort(f)}
    name = kind.__module__.removeprefix("pixmo.stages.") + ":" + kind.__qualname__
    made_with = {"content": stage.content()} if hasattr(stage, "content") else {}
    return digest_of({"stage": name, "version": stage.version, "settings": told} | made_with)


def arrow_type(hint: Any) -> pa.DataType:  # Any: a type form
    """The Arrow type of an annotation: str, int, float, bool, bytes, Outcome, a NamedTuple (a struct), tuple[T, ...] or list[T]."""
    import pyarrow as pa

    from pixmo.ask import Outcome

    hint, _ = _strip_optional(hint)
    plain = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_(), bytes: pa.binary()}
    if hint in plain:
        return plain[hint]
    if isinstance(hint, type) and issubclass(hint, (Outcome, str)):
        return pa.string()
    if isinstance(hint, type) and issubclass(hint, tuple) and hasattr(hint, "_fields"):
        return pa.struct([(name, arrow_type(inner)) for name, inner in typing.get_type_hints(hint).items()])
    if typing.get_origin(hint) in (list, tuple):
        return pa.list_(arrow_type(typing.get_args(hint)[0]))
    raise TypeError(f"no Arrow type for {hint!r}")


def _strip_optional(hint: Any) -> tuple[Any, bool]:  # Any: a type form
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        inner = [a for a in typing.get_args(hint) if a is not type(None)]
        return inner[0], True
    return hint, False


__all__ = [
    "Picture",
    "Reduce",
    "RowStage",
    "Stage",
    "World",
    "WorldStage",
    "arrow_type",
    "effort",
    "fingerprint",
    "is_effort",
    "meaning",
    "settings_of",
]
