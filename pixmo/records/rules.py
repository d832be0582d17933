"""Every rule a record can break: what it means, how bad it is, and the number it has among the invariants of PixMo's data."""

from __future__ import annotations

from typing import NamedTuple

from pixmo.records.base import Finding, Level

ERROR, WARNING = Level.ERROR, Level.WARNING


class Rule(NamedTuple):
    """`number` is that of the invariant it comes from; None for rules of our own."""

    meaning: str
    level: Level
    number: str | None = None


RULES: dict[str, Rule] = {
    "not_a_record": Rule("a value the record needs is missing or of another type", ERROR),
    "bad_url": Rule(
        "the URL is not absolute http(s), is longer than 8,192 characters, or holds control characters or a name and password",
        ERROR,
        "V1",
    ),
    "bad_sha256": Rule("the digest is not 64 lower-case hexadecimal digits", ERROR, "V2"),
    "url_of_two_digests": Rule("one URL stands with different digests", ERROR, "V3"),
    "digest_of_two_urls": Rule("one digest stands with different URLs", WARNING, "V3"),
    "count_differs": Rule("`count` is not the number of points", ERROR, "V4"),
    "count_negative": Rule("there are fewer than none", ERROR, "V4"),
    "not_finite": Rule("a number is NaN or infinite", ERROR, "V5"),
    "point_outside": Rule("a point lies outside the picture, by at most a hundredth of it", WARNING, "V5"),
    "point_far_outside": Rule("a point lies outside the picture by more than a hundredth of it", ERROR, "V5"),
    "size_unknown": Rule("points are in pixels of a picture whose size is not given", WARNING, "V5"),
    "size_not_positive": Rule("a side of the picture is less than a pixel", ERROR, "V5"),
    "point_doubled": Rule("two points are in one place", WARNING),
    "many_points": Rule("more than 60 points: trainers drop or cut such rows", WARNING),
    "label_empty": Rule("the label has no text", ERROR, "V6"),
    "label_control_characters": Rule("the label has control characters", ERROR, "V6"),
    "placeholders_differ": Rule(
        "the answer's placeholders, alt texts, inline texts and points are not as many", ERROR, "V7"
    ),
    "unparsed": Rule("the answer's tags could not be read when it was published", WARNING, "V7"),
    "conversation_unreadable": Rule(
        "the question has marks of turns, but they do not make a conversation", ERROR, "V8"
    ),
    "messages_differ": Rule("`messages` are not the question's turns and the answer", ERROR, "V8"),
    "text_empty": Rule("a question, an answer or another text is empty", ERROR, "V8"),
    "text_padded": Rule("a question or an answer begins or ends with white space", WARNING, "V8"),
    "caption_empty": Rule("the caption has no text", ERROR, "V9"),
    "caption_short": Rule("the caption has fewer than ten words", WARNING, "V9"),
    "caption_long": Rule("the caption has more than a thousand words", WARNING, "V9"),
    "caption_is_transcript": Rule("the caption is a transcript, word for word", WARNING, "V9"),
    "refusal": Rule("the text reads like a model's refusal", WARNING, "V9"),
    "no_transcripts": Rule("the caption has no transcript", WARNING, "V10"),
    "transcript_empty": Rule("a transcript has no text", WARNING, "V10"),
    "transcript_ratio": Rule(
        "the caption is more than five times, or less than a tenth, as long as all that was said", WARNING, "V10"
    ),
    "mask_broken": Rule("the runs of a mask do not add up to its size, or it is no rectangle", ERROR, "V11"),
    "mask_size_differs": Rule("masks of one picture, or a mask and its picture, are not of one size", ERROR, "V11"),
    "mask_empty": Rule("a mask has no pixel", ERROR, "V11"),
    "masks_differ": Rule("there are not as many masks as points", WARNING, "V11"),
    "point_not_in_mask": Rule("a point is not in its mask", ERROR, "V11"),
    "time_out_of_range": Rule("an hour, minute or second there is not", ERROR, "V12"),
    "time_half_shown": Rule("a field is -1 though it is shown, or is not though it is hidden", ERROR, "V12"),
    "time_text_differs": Rule("the text is not the time of the fields", ERROR, "V12"),
    "questions_empty": Rule("there are no questions", ERROR, "V13"),
    "timestamp_not_half": Rule("a moment is not a multiple of half a second", ERROR, "V14"),
    "timestamps_unsorted": Rule("moments do not follow each other", ERROR, "V14"),
    "lists_differ": Rule("lists that go together are not as long as each other", ERROR, "V14"),
    "span_backwards": Rule("something ends before it begins, or begins before zero", ERROR, "V14"),
    "leftover_column": Rule("a column that pandas left behind", WARNING, "V15"),
    "row_doubled": Rule("the same row stands there twice", WARNING, "V15"),
    "label_doubled": Rule("one picture has one label twice", WARNING, "V15"),
    "statement_doubled": Rule("two statements have one id", ERROR),
}


def found(rule: str, path: str, detail: str) -> Finding:
    """A finding of a rule."""
    return Finding(rule, path, detail, RULES[rule].level)
