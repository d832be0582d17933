"""Any OpenAI-compatible `/audio/transcriptions` endpoint, by the `openai` package, which repeats what may pass."""

from __future__ import annotations

import io
import json
import math
import os
import wave
from collections.abc import Sequence
from typing import Any

import openai

from pixmo.ask import SpeechOutcome
from pixmo.audio.heard import Heard, Segment, Span, Word
from pixmo.engines.speech.chunks import within
from pixmo.engines.speech.languages import code_of
from pixmo.engines.speech.protocol import NOTHING, SAMPLE_RATE, HearingFault, Samples
from pixmo.engines.speech.settings import SpeechSettings
from pixmo.errors import BadSetting, PixmoError

Json = dict[str, Any]  # Any: what the endpoint says
_REFUSED = ("verbose_json", "response_format", "timestamp_granularities")  # forms, in a 400 or 422
_TIMED: Json = {"response_format": "verbose_json"}


class ApiEngine:
    """One request per recording, from the first word to the last; times are told where the endpoint gives them."""

    def __init__(self, settings: SpeechSettings) -> None:
        self.fingerprint = settings.fingerprint
        self._settings = settings
        segments = _TIMED | {"timestamp_granularities": ["segment"]}
        words = _TIMED | {"timestamp_granularities": ["segment", "word"]}
        self._forms: list[Json] = [*([words] if settings.word_times else []), segments, {"response_format": "json"}]
        self._key = os.environ[settings.key_env].strip() if settings.key_env else "none"
        self._client = openai.OpenAI(
            api_key=self._key,
            base_url=settings.base_url or None, timeout=settings.timeout_s, max_retries=settings.retries,
        )  # fmt: skip

    def hear(self, samples: Samples, spans: Sequence[Span]) -> Heard:
        """As SpeechEngine; what the endpoint says of this recording is a HearingFault, of the whole work a PixmoError."""
        if not spans:
            return NOTHING
        whole = Span(max(0.0, spans[0].start_s), min(spans[-1].end_s, len(samples) / SAMPLE_RATE))
        sound = as_wav(samples[int(whole.start_s * SAMPLE_RATE) : int(whole.end_s * SAMPLE_RATE)])
        try:
            return _heard(self._parsed(self._ask(sound)), whole)
        except openai.APIStatusError as error:
            raise self._told(error) from None
        except openai.APITimeoutError:
            raise HearingFault(SpeechOutcome.TIMEOUT, f"no answer within {self._settings.timeout_s:g} s") from None
        except openai.APIConnectionError as error:
            raise HearingFault(SpeechOutcome.CONNECT, self._line(error.__cause__ or error)) from None

    def _ask(self, sound: bytes) -> Any:  # Any: the client's raw response
        """The answer, in the fullest form that the endpoint has not refused."""
        while True:
            try:
                return self._send(sound, self._forms[0])
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                if len(self._forms) == 1 or not any(name in error.response.text for name in _REFUSED):
                    raise
                del self._forms[0]

    def _send(self, sound: bytes, form: Json) -> Any:  # Any: as _ask
        s = self._settings
        told: Json = {"language": s.language, "prompt": s.prompt}
        form = form | {name: value for name, value in told.items() if value}
        return self._client.audio.transcriptions.with_raw_response.create(
            file=("recording.wav", sound, "audio/wav"), model=s.model_name, temperature=0.0, **form
        )

    def _parsed(self, response: Any) -> Json:  # Any: as _ask
        body = response.content
        if _is_html(response.headers.get("content-type", ""), body):
            raise self._speaks_html()
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict) or not isinstance(answer.get("text"), str):
            raise HearingFault(SpeechOutcome.SERVER_ERROR, "the answer is no transcription")
        return answer

    def _told(self, error: openai.APIStatusError) -> Exception:
        """What a status means, once the client has given up."""
        s, status, line = self._settings, error.status_code, self._line(error)
        names_model = error.code == "model_not_found" or "model" in error.response.text.lower()
        if status in (401, 403):
            where = f"the key in ${s.key_env}" if s.key_env else "a request without a key (set key_env)"
            return PixmoError(f"{self._client.base_url} refuses {where}: {status}, {line}")
        if error.code == "insufficient_quota":
            return PixmoError(f"{self._client.base_url} hears nothing more on this account: {line}")
        if names_model and (status == 404 or error.code == "model_not_found"):
            return BadSetting(f"{self._client.base_url} has no model {s.model_name!r}: {line}")
        if status in (404, 405):
            if _is_html(error.response.headers.get("content-type", ""), error.response.content):
                return self._speaks_html()
            return BadSetting(f"{self._client.base_url} has no /audio/transcriptions ({status}): check base_url")
        outcome = SpeechOutcome.THROTTLED if status == 429 else SpeechOutcome.CLIENT_ERROR
        return HearingFault(SpeechOutcome.SERVER_ERROR if status >= 500 else outcome, f"{status}: {line}")

    def _line(self, error: BaseException) -> str:
        """What was said, in one line, without the key: some servers repeat it."""
        told: object = None
        if isinstance(error, openai.APIStatusError) and not _is_html("", error.response.content):
            told = error.body.get("message") if isinstance(error.body, dict) else None
            told = told or error.response.text
        line = " ".join(str(told or error).split()) or type(error).__name__
        return (line.replace(self._key, "…") if len(self._key) > 4 else line)[:200]

    def _speaks_html(self) -> BadSetting:
        return BadSetting(f"{self._client.base_url} answers with a web page: base_url must be the API, often …/v1")


def as_wav(samples: Samples) -> bytes:
    """A WAV file of 16-bit samples: every endpoint reads it, and writing it needs nothing."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        out.writeframes((samples.clip(-1, 1) * 32767).astype("<i2").tobytes())
    return file.getvalue()


def _heard(answer: Json, whole: Span) -> Heard:
    try:
        text, language = _text(answer["text"]), code_of(answer.get("language"))
        segments = tuple(
            Segment(_text(s["text"]), *_times(s, whole), _number(s, "avg_logprob"), _number(s, "no_speech_prob"))
            for s in answer.get("segments") or ()
        )
        words = tuple(
            Word(_text(w["word"]), *_times(w, whole), _number(w, "probability")) for w in answer.get("words") or ()
        )
    except (KeyError, TypeError, AttributeError, ValueError):
        raise HearingFault(SpeechOutcome.SERVER_ERROR, "the answer is not of the usual shape") from None
    if text and not segments:
        segments = (Segment(text, *whole, None, None),)
    return Heard(text, language, None, segments, words)


def _text(told: str) -> str:
    """Text that can be written as UTF-8: JSON may hold halves of characters."""
    return told.strip().encode(errors="replace").decode()


def _times(piece: Json, whole: Span) -> tuple[float, float]:
    start, end = float(piece["start"]), float(piece["end"])
    if not (math.isfinite(start) and math.isfinite(end)):
        raise ValueError
    return within(whole, start + whole.start_s, end + whole.start_s)


def _number(piece: Json, name: str) -> float | None:
    value = piece.get(name)
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _is_html(content_type: str, body: bytes) -> bool:
    return "html" in content_type.lower() or body.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html"))
