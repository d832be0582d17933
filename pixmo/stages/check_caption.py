"""Compare each caption with what was said: unsupported sentences, omitted facts, leftovers of speech; a verdict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from pixmo.errors import BadSetting
from pixmo.records.checks import of_refusal
from pixmo.stage import RowStage, meaning
from pixmo.stages.write_caption import Sentence
from pixmo.text.caption_checks import of_wording, omitted_share, repeated_share, sentences_of, why_unsupported
from pixmo.text.caption_rules import BY
from pixmo.text.caption_units import n_words


class CaptionChecked(NamedTuple):
    """`unsupported_why` has one text per sentence, empty for those that are supported."""

    caption_words: int
    unsupported_share: float | None
    unsupported_why: list[str]
    omitted_share: float | None
    repeated_share: float
    caption_findings: list[str]
    caption_ok: bool


@dataclass(frozen=True)
class CheckCaption(RowStage):
    """Scores first, thresholds last. Without `caption_sentences` the caption is cut into sentences that may rest on all that was said."""

    version: ClassVar[int] = 1
    optional: ClassVar[tuple[str, ...]] = ("caption_sentences", "caption_by")

    max_new_words: float = meaning(
        0.5, "most of a sentence's words that nobody said, as a share; of numbers, colours and sides none"
    )
    max_unsupported: float = meaning(0.0, "most sentences that rest on nothing said, as a share (`unsupported`)")
    max_omitted: float = meaning(0.5, "most of what was said that may be missing, as a share (`omitted`)")
    max_repeated: float = meaning(0.1, "most of the caption that may repeat itself, as a share (`repeated`)")
    min_caption_words: int = meaning(10, "shortest caption, in words (`too_short`)")
    max_caption_words: int = meaning(400, "longest caption, in words (`too_long`)")

    def __post_init__(self) -> None:
        for name in ("max_new_words", "max_unsupported", "max_omitted", "max_repeated"):
            if not 0 <= getattr(self, name) <= 1:
                raise BadSetting(f"{name} must be a share from 0 to 1, not {getattr(self, name)!r}")
        if not 0 <= self.min_caption_words <= self.max_caption_words:
            raise BadSetting("min_caption_words must not be above max_caption_words")

    def row(
        self,
        caption: str | None,
        transcripts: list[str] | None,
        caption_sentences: list[Sentence] | None,
        caption_by: str | None,
    ) -> CaptionChecked:
        """The verdict on one caption; a row without one is not ok."""
        if not caption or not caption.strip():
            return CaptionChecked(0, None, [], None, 0.0, ["no_caption"], False)
        said = transcripts or []
        cited = list(_cited(caption, said, caption_sentences))
        sentences = [text for text, _ in cited]
        why = [why_unsupported(text, sources, self.max_new_words) for text, sources in cited]
        told = CaptionChecked(
            n_words(caption), sum(map(bool, why)) / len(why), why, omitted_share(caption, said), repeated_share(sentences), [], False,
        )  # fmt: skip
        findings = [*self._measured(told), *_worded(caption, sentences)]
        if caption_by != BY and any(caption.split() == (t or "").split() for t in said):
            findings.append("is_transcript")
        return told._replace(caption_findings=findings, caption_ok=not findings)

    def _measured(self, told: CaptionChecked) -> Iterator[str]:
        if told.unsupported_share is None or told.unsupported_share > self.max_unsupported:
            yield "unsupported"
        if told.omitted_share is None or told.omitted_share > self.max_omitted:
            yield "omitted"
        if told.repeated_share > self.max_repeated:
            yield "repeated"
        if told.caption_words < self.min_caption_words:
            yield "too_short"
        if told.caption_words > self.max_caption_words:
            yield "too_long"


def _worded(caption: str, sentences: Sequence[str]) -> Iterator[str]:
    if any(True for text in (caption, *sentences) for _ in of_refusal(text, "caption")):
        yield "refusal"
    yield from of_wording(sentences)


def _cited(
    caption: str, said: Sequence[str | None], sentences: Sequence[Any] | None
) -> Iterator[tuple[str, list[str]]]:  # Any: a struct, as Arrow gives it
    """Each sentence with the texts it rests on; those of a caption whose sentences do not make it up are not believed."""
    if sentences is None or " ".join(s["text"] for s in sentences) != caption:
        yield from ((text, [t for t in said if t]) for text in sentences_of(caption) or [caption])
        return
    for sentence in sentences:
        spans = sentence["spans"] or ()
        yield sentence["text"], [text for s in spans if (text := _cut(said, s["transcript"], s["start"], s["end"]))]


def _cut(said: Sequence[str | None], transcript: int, start: int, end: int) -> str:
    text = said[transcript] if 0 <= transcript < len(said) else None
    return text[start:end] if text and 0 <= start < end else ""
