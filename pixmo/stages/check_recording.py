"""Judge each recording by what was listened to: long enough, enough speech, loud, clear, not cut off, not a repetition."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from pixmo.errors import BadSetting
from pixmo.stage import RowStage, meaning


class Checked(NamedTuple):
    """One value per recording."""

    recording_findings: list[list[str]]
    recording_ok: list[bool]


class _Facts(NamedTuple):
    outcome: str | None
    duration_s: float | None
    speech_s: float | None
    loudness_lufs: float | None
    clipped_share: float | None
    snr_db: float | None
    is_repeated: bool | None


@dataclass(frozen=True)
class CheckRecording(RowStage):
    """`recording_ok` where there are no findings. A recording that gave no sound has its outcome as its one finding.

    `is_repeated` is looked at where `find_repeated_recordings` ran before.
    """

    version: ClassVar[int] = 1
    optional: ClassVar[tuple[str, ...]] = ("is_repeated",)

    min_duration_s: float = meaning(20.0, "shortest recording that is taken, in seconds (`too_short`)")
    max_clip_s: float = meaning(180.0, "longest recording that is taken, in seconds (`too_long`)")
    min_speech_s: float = meaning(25.0, "least net speech, in seconds (`little_speech`)")
    min_speech_share: float = meaning(0.45, "least net speech as a share of the recording (`little_speech`)")
    max_clipped_share: float = meaning(0.001, "most time that may be cut off at full scale, as a share (`clipped`)")
    min_loudness_lufs: float = meaning(-35.0, "quietest recording, in LUFS (`too_quiet`)")
    max_loudness_lufs: float = meaning(-10.0, "loudest recording, in LUFS (`too_loud`)")
    min_snr_db: float = meaning(10.0, "how far speech is louder than its pauses at least, in dB (`noisy`)")

    def __post_init__(self) -> None:
        for name in ("min_speech_share", "max_clipped_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise BadSetting(f"{name} is {getattr(self, name):g}; give a share, 0 to 1")
        for low, high in (("min_duration_s", "max_clip_s"), ("min_loudness_lufs", "max_loudness_lufs")):
            if not getattr(self, low) <= getattr(self, high):
                raise BadSetting(
                    f"{low} is {getattr(self, low):g}, above {high} = {getattr(self, high):g}; no recording fits"
                )

    def row(
        self,
        recording_outcome: list[str | None] | None,
        duration_s: list[float | None] | None,
        speech_s: list[float | None] | None,
        loudness_lufs: list[float | None] | None,
        clipped_share: list[float | None] | None,
        snr_db: list[float | None] | None,
        is_repeated: list[bool | None] | None,
    ) -> Checked:
        """The verdict on every recording of a row; empty lists for a row without any."""
        columns = (duration_s, speech_s, loudness_lufs, clipped_share, snr_db, is_repeated)
        outcomes = recording_outcome or []
        facts = zip(outcomes, *(_filled(c, len(outcomes)) for c in columns), strict=True)
        findings = [list(self._findings(_Facts(*f))) for f in facts]
        return Checked(findings, [not found for found in findings])

    def _findings(self, of: _Facts) -> Iterator[str]:
        if of.outcome != "ok" or of.duration_s is None:
            yield of.outcome or "missing"
            return
        is_short = of.duration_s < self.min_duration_s
        if is_short:
            yield "too_short"
        if of.duration_s > self.max_clip_s:
            yield "too_long"
        yield from self._of_sound(of, of.speech_s or 0.0, of.duration_s, is_short)
        if of.is_repeated:
            yield "repeated"

    def _of_sound(self, of: _Facts, speech_s: float, duration_s: float, is_short: bool) -> Iterator[str]:
        if of.loudness_lufs is None and not speech_s:
            yield "silent"
            return
        # what is too short has too few seconds of speech as well: one reason is enough
        if (speech_s < self.min_speech_s and not is_short) or speech_s < self.min_speech_share * duration_s:
            yield "little_speech"
        if of.clipped_share is not None and of.clipped_share > self.max_clipped_share:
            yield "clipped"
        if of.loudness_lufs is not None and of.loudness_lufs < self.min_loudness_lufs:
            yield "too_quiet"
        if of.loudness_lufs is not None and of.loudness_lufs > self.max_loudness_lufs:
            yield "too_loud"
        if of.snr_db is not None and of.snr_db < self.min_snr_db:
            yield "noisy"


def _filled(column: list[Any] | None, count: int) -> list[Any]:  # Any: column values
    return [None] * count if column is None else column
