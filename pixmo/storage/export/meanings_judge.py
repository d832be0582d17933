"""What the columns of judged captions mean, in words for people. Lists of verdicts have one value per repeat."""

from __future__ import annotations


def _asked(prefix: str, what: str) -> dict[str, str]:
    return {
        f"{prefix}_by": f"who answered {what}: the judge, as it named itself",
        f"{prefix}_tokens_in": f"tokens the judge read for {what}",
        f"{prefix}_tokens_out": "tokens it wrote",
        f"{prefix}_cost_usd": "what that cost, in USD; null where no price is known",
    }


def _verdicts(prefix: str, statement: str) -> dict[str, str]:
    return {
        f"{prefix}_verdicts": f"verdict on {statement}, per repeat: yes, no, cannot_tell, unscored",
        f"{prefix}_outcome": "how asking for them ended, per repeat; or why nobody was asked",
        f"{prefix}_text": "the judge's answer, where it is free text (protocol ai2), per repeat",
        f"{prefix}_detail": "more about the outcome, in one line, per repeat",
        **_asked(prefix, f"about {prefix}"),
    }


JUDGED: dict[str, str] = {
    "picture": "what ties prediction and reference: a URL, a digest or a file name",
    "thumbnail": "a small JPEG of the picture",
    "model": "whose captions these are: the name of the predictions",
    "given_statements": "statements of people, given with the references",
    "given_categories": "their categories",
    "given_text": "the same as one text, as it was given",
    "reference_statements": "facts that people told of the picture; recall is measured by them",
    "reference_categories": "the category of each, for video",
    "reference_text": "the same as one text, where it came so (protocol ai2)",
    "reference_outcome": "how asking for them ended; `given` where they came with the references",
    "reference_detail": "more about that, in one line",
    **_asked("reference", "about the people's statements"),
    "statements": "facts that the caption tells",
    "statement_categories": "the category of each, for video",
    "statements_text": "the judge's list of them, where it is free text (protocol ai2)",
    "statements_outcome": "how asking for them ended",
    "statements_detail": "more about that, in one line",
    **_asked("statements", "about the caption's statements"),
    **_verdicts("recall", "each of the people's statements: does the caption tell it"),
    **_verdicts("consistency", "each of the caption's statements: does it agree with what people said"),
    "repeated_share": "share of the caption that was said before in it",
    "is_repeating": "the caption repeats itself; null where the judge did not say",
    "repetition_outcome": "how asking about that ended; null where a rule decided",
    "repetition_detail": "more about that, in one line",
    **_asked("repetition", "about repetition") | {"repetition_by": "`rule`, or the judge as it named itself"},
    "n_stated": "people's statements that the caption tells, per repeat",
    "n_recall_scored": "people's statements with a verdict yes or no, per repeat",
    "n_consistent": "the caption's statements that agree with what people said, per repeat",
    "n_consistency_scored": "the caption's statements with a verdict yes or no, per repeat",
    "n_cannot_tell": "the caption's statements of which people said nothing, per repeat",
    "recall": "n_stated / n_recall_scored, mean over repeats; null where nothing was scored",
    "recall_at_10": "the same with both numbers cut at 10",
    "consistency": "n_consistent / n_consistency_scored, mean over repeats; null where nothing was scored",
    "cap_f1": "harmonic mean of recall and consistency; null where either is",
    "n_statements": "number of the caption's statements",
    "n_reference_statements": "number of the people's statements",
    "unscored_share": "share of all verdicts that are missing: outside every mean",
}
