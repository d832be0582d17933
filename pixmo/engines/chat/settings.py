"""Everything the chat engine can be told. Standard library only, so that plans and options may import it cheaply."""

from __future__ import annotations

import ipaddress
import math
from dataclasses import dataclass
from urllib.parse import urlsplit

from pixmo.errors import BadSetting

OPENAI = "https://api.openai.com/v1"
STRUCTURED = ("json_schema", "json_object", "none")


@dataclass(frozen=True)
class ChatSettings:
    """Which model answers, and how hard to ask; times in seconds, prices in USD per million tokens. Raises BadSetting."""

    model: str
    base_url: str = OPENAI
    temperature: float | None = 0.0  # None: not sent, the model's own
    top_p: float | None = None
    max_tokens: int = 1024  # of one answer
    seed: int | None = None
    structured: str = "json_schema"  # how a schema is enforced: by the endpoint, as any JSON, or by asking for it only
    # effort: no part of the fingerprint
    concurrency: int = 64  # requests in flight at most; fewer while the endpoint refuses
    requests_per_min: int = 0  # 0 is no limit
    tokens_per_min: int = 0  # in and out; 0 is no limit
    timeout_s: float = 120.0  # one request, from the first byte sent to the last received
    retries: int = 8  # further tries of what may pass
    retry_base_s: float = 0.5  # the first comes within this, the next within twice this, … at most half a minute
    key_env: str = "OPENAI_API_KEY"  # the environment variable that holds the key
    usd_per_mtok_in: float | None = None
    usd_per_mtok_out: float | None = None
    budget_usd: float | None = None  # what one run may cost at the very most

    def __post_init__(self) -> None:
        _require(_is_line(self.model), "model", "must be the name of a model", self.model)
        _require(_is_line(self.key_env), "key_env", "must name an environment variable", self.key_env)
        _require(
            self.structured in STRUCTURED, "structured", f"must be one of {', '.join(STRUCTURED)}", self.structured
        )
        _check_url(self.base_url)
        for name, low, high in _RANGES:
            value = getattr(self, name)
            within = value is None or (_is_number(value) and low <= value <= high)
            _require(within, name, f"must be a number from {low:g} to {high:g}", value)
        for name in ("concurrency", "max_tokens", "requests_per_min", "tokens_per_min", "retries"):
            _require(isinstance(getattr(self, name), int), name, "must be a whole number", getattr(self, name))
        priced = self.usd_per_mtok_in is not None and self.usd_per_mtok_out is not None
        if self.budget_usd is not None and not priced:
            raise BadSetting("a budget needs prices: give usd_per_mtok_in and usd_per_mtok_out beside budget_usd")

    @property
    def host(self) -> str:
        """Who is asked, without port and path."""
        return urlsplit(self.base_url).hostname or ""

    @property
    def is_own_host(self) -> bool:
        """Whether the endpoint is on this machine or in a private network, where no key need be and HTTP will do."""
        try:
            address = ipaddress.ip_address(self.host)
        except ValueError:
            return "." not in self.host or self.host.endswith((".local", ".internal", ".localhost"))
        return not address.is_global

    def usd(self, tokens_in: int, tokens_out: int) -> float | None:
        """What so many tokens cost; None when no price is known."""
        if self.usd_per_mtok_in is None or self.usd_per_mtok_out is None:
            return None
        return (tokens_in * self.usd_per_mtok_in + tokens_out * self.usd_per_mtok_out) / 1e6


_RANGES = (
    ("temperature", 0, 10),
    ("top_p", 0, 1),
    ("seed", -(2**63), 2**63 - 1),
    ("max_tokens", 1, 10**7),
    ("concurrency", 1, 4096),
    ("requests_per_min", 0, math.inf),
    ("tokens_per_min", 0, math.inf),
    ("timeout_s", 0.001, 86_400),
    ("retries", 0, 100),
    ("retry_base_s", 0, 30),
    ("usd_per_mtok_in", 0, 1e6),
    ("usd_per_mtok_out", 0, 1e6),
    ("budget_usd", 0, 1e9),
)


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    _require(usable and _is_line(url), "base_url", "must be an http(s) address such as http://localhost:8000/v1", url)
    if parts.username or parts.password or parts.query:
        raise BadSetting("base_url must hold no user, password or query: keys are read from the environment (key_env)")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)


def _is_line(text: object) -> bool:
    return isinstance(text, str) and bool(text.strip()) and text.isprintable()


def _require(true: bool, name: str, what: str, value: object) -> None:
    if not true:
        raise BadSetting(f"{name} {what}, not {value!r}")
