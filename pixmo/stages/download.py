"""Fetch the picture of each row's URL, politely, and keep its bytes; every failure is an outcome."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

import pyarrow as pa

from pixmo.ask import Answer, Outcome
from pixmo.engines.http.settings import HttpSettings
from pixmo.stage import World, effort, meaning

if TYPE_CHECKING:
    from collections.abc import Mapping

FACTS = pa.schema(
    [
        ("fetched", pa.bool_()),
        ("fetch_outcome", pa.string()),
        ("fetch_detail", pa.string()),
        ("http_status", pa.int16()),
        ("final_url", pa.string()),
        ("content_type", pa.string()),
        ("optout", pa.string()),
        ("fetched_sha256", pa.string()),
        ("fetched_bytes", pa.int64()),
        ("hash_verdict", pa.string()),
    ]
)


@dataclass(frozen=True)
class Download:
    """Asks the `http` engine for `image_url`; compares with `image_sha256` where the row has one."""

    version: ClassVar[int] = 1
    optional: ClassVar[tuple[str, ...]] = ("image_sha256",)

    max_bytes: int = meaning(32 * 2**20, "largest picture taken, in bytes")
    max_redirects: int = meaning(10, "longest chain of redirects followed")
    ignore_optout: bool = meaning(False, "take pictures whose headers reserve rights (noai, noimageai, TDM)")
    robots: bool = meaning(False, "ask each host's robots.txt first and obey it")
    allow_hosts: tuple[str, ...] = meaning((), "non-public host, address or CIDR that may be asked all the same")
    concurrency: int = effort(64, "requests in flight, per process")
    per_host: int = effort(4, "connections per site")
    requests_per_s: float = effort(20.0, "requests per second and site; 0 = no limit")
    retries: int = effort(3, "further tries of what may pass")
    retry_base_s: float = effort(1.0, "the first further try comes within this many seconds, the next within twice, …")
    connect_timeout_s: float = effort(10.0, "seconds to connect")
    first_byte_timeout_s: float = effort(20.0, "seconds until the headers")
    idle_timeout_s: float = effort(15.0, "seconds without a byte")
    total_timeout_s: float = effort(120.0, "seconds for one try as a whole")
    min_bytes_per_s: int = effort(1024, "slower bodies are given up")
    first_park_s: float = effort(1.0, "pause after a first 429 that does not say how long; doubles")
    max_park_s: float = effort(60.0, "longest Retry-After waited for")
    max_mbit: float = effort(0.0, "megabits per second of all processes together; 0 = no limit")
    user_agent: str = effort(HttpSettings().user_agent, "who we say we are; put a way to reach you in it")
    headers: tuple[str, ...] = effort((), "HOST:NAME=VALUE, a header sent to one host only")

    def __post_init__(self) -> None:
        HttpSettings(**self.http_settings(1))  # raises BadSetting here, not in a process far away

    @property
    def needs(self) -> pa.Schema:
        """The URL, and the digest the source expects."""
        return pa.schema([("image_url", pa.string()), ("image_sha256", pa.string())])

    @property
    def adds(self) -> pa.Schema:
        """The facts of the answer."""
        return FACTS

    def http_settings(self, processes: int) -> dict[str, Any]:
        """The fetcher's settings in one of so many processes."""
        told = {f.name: getattr(self, f.name) for f in fields(HttpSettings) if hasattr(self, f.name)}
        return told | {"max_mbit": self.max_mbit / processes}

    def enough(self, line: Mapping[str, Any]) -> bool:
        """Whether a journalled answer still answers the question under these settings."""
        outcome = line["outcome"]
        if outcome == Outcome.TOO_LARGE:
            return (line.get("declared") or 0) > self.max_bytes or (line.get("cut_at") or 0) >= self.max_bytes
        if outcome == Outcome.BAD_REDIRECT and (line.get("detail") or "").startswith("more than "):
            return self._too_many_hops(line)
        if outcome == Outcome.OPTED_OUT:
            return not self.ignore_optout
        if outcome == Outcome.REFUSED_ADDRESS:
            return sorted(line.get("allow_hosts", ())) == sorted(self.allow_hosts)
        if outcome == Outcome.REFUSED_ROBOTS:
            return self.robots
        return True

    def _too_many_hops(self, facts: Mapping[str, Any]) -> bool:
        return len(facts.get("hops") or ()) > self.max_redirects

    async def __call__(self, batch: pa.RecordBatch, world: World) -> pa.RecordBatch:
        """One answer per row."""
        urls = batch.column("image_url").to_pylist()
        expected = batch.column("image_sha256").to_pylist()
        asked = [i for i, url in enumerate(urls) if url]
        answers = await world.ask("http", [urls[i] for i in asked])
        by_row: dict[int, Answer[Any]] = dict(zip(asked, answers, strict=True))
        rows = [self.verdict(by_row.get(i), expected[i]) for i in range(len(urls))]
        return facts_batch(rows)

    def verdict(self, answer: Answer[Any] | None, expected: str | None) -> tuple[Any, ...]:
        """The row's columns: policies applied to the facts of the answer. No answer: the row has no URL."""
        if answer is None:
            return (False, str(Outcome.NO_URL), None, None, None, None, None, None, None, None)
        facts = answer.facts or {}
        outcome = answer.outcome
        size = facts.get("size")
        if outcome is Outcome.OK and size is not None and size > self.max_bytes:
            outcome = Outcome.TOO_LARGE
        if outcome is Outcome.OK and facts.get("optout") and not self.ignore_optout:
            outcome = Outcome.OPTED_OUT
        if outcome is Outcome.OK and self._too_many_hops(facts):
            outcome = Outcome.BAD_REDIRECT
        fetched = outcome is Outcome.OK
        sha = answer.value if fetched else None
        verdict = None
        if fetched:
            digest = (expected or "").strip().lower()
            verdict = "none_expected" if not digest else "equal" if digest == sha else "differs"
        return (
            fetched, str(outcome), answer.detail or None, facts.get("status"), facts.get("final_url"),
            facts.get("content_type"), facts.get("optout"), sha, size if fetched else None, verdict,
        )  # fmt: skip


def facts_batch(rows: list[tuple[Any, ...]]) -> pa.RecordBatch:
    """Rows of facts as the columns a download adds."""
    columns = list(zip(*rows, strict=True)) if rows else [() for _ in FACTS]
    return pa.RecordBatch.from_arrays(
        [pa.array(values, field.type) for values, field in zip(columns, FACTS, strict=True)], schema=FACTS
    )
