"""Several evaluations in one table, where that is fair."""

from __future__ import annotations

import pytest

from pixmo.errors import BadFolder, BadSetting
from pixmo.evaluate.captions.compare import compare
from pixmo.evaluate.captions.write import write_results
from tests.evaluate.captions.rows import finished, row


def evaluated(out, model, recall, judge="judge-1", **changed):
    """A finished evaluation of one model over six pictures."""
    settings = {"protocol": "pixmo", "kind": "image", "judge": "judge"}
    stamp = {"seed": 3, "references": "ab", "prompts": ["recall-1@1"], "missing": 1}
    for name, value in changed.items():
        (settings if name in settings else stamp)[name] = value
    finished(out, [row(p, model, recall, "yy", recall_by=judge) for p in "abcdef"])
    write_results(out, stamp=stamp | {"settings": settings}, samples=100)
    return out


def test_models_of_several_folders_are_paired_by_picture(tmp_path):
    """As if they had been judged in one run; missing predictions add up."""
    found = compare([evaluated(tmp_path / "a", "one", "yynn"), evaluated(tmp_path / "b", "two", "yyyn")], samples=100)
    assert [m.model for m in found.models] == ["one", "two"]
    recall = next(d for d in found.differences if d.metric == "recall")
    assert (recall.difference.value, recall.difference.pictures, recall.p) == (0.25, 6, 2 / 64)
    assert found.missing == 2


def test_models_of_the_same_name_are_told_apart_by_folder(tmp_path):
    """Two steps of a training often have one name."""
    found = compare([evaluated(tmp_path / "a", "m", "y"), evaluated(tmp_path / "b", "m", "n")], samples=100)
    assert [m.model for m in found.models] == ["a/m", "b/m"]


def test_a_folder_beside_itself_does_not_differ(tmp_path):
    """All differences are 0."""
    out = evaluated(tmp_path / "a", "m", "yyn")
    found = compare([out, out], samples=100)
    assert {(d.difference.value, d.p) for d in found.differences} == {(0.0, 1.0)}


@pytest.mark.parametrize(
    ("name", "value"),
    [("protocol", "ai2"), ("kind", "video"), ("judge", "other"), ("prompts", ["recall-1@2"])],
)
def test_what_was_judged_otherwise_is_refused_by_name(tmp_path, name, value):
    """Numbers of different protocols, judges or prompts do not stand in one table."""
    folders = [evaluated(tmp_path / "a", "one", "y"), evaluated(tmp_path / "b", "two", "y", **{name: value})]
    with pytest.raises(BadSetting, match=rf"differ in {name} .* do not compare"):
        compare(folders)


def test_prompts_of_questions_that_only_one_asked_do_not_matter(tmp_path):
    """Recall compares whether or not consistency was asked about too."""
    more = evaluated(tmp_path / "b", "two", "y", prompts=["consistency-1@3", "recall-1@1"])
    assert len(compare([evaluated(tmp_path / "a", "one", "y"), more], samples=100).models) == 2


def test_it_does_not_matter_how_the_same_references_were_given(tmp_path):
    """Made by the judge in one run, frozen and given in the next: the statements count, not the files they came in."""
    one, two = (evaluated(tmp_path / x, x, "yn", references=x) for x in "ab")
    finished(two, [row(p, "b", "yn", "yy", recall_by="judge-1", reference_outcome="given") for p in "abcdef"])
    assert len(compare([one, two], samples=100).models) == 2


@pytest.mark.parametrize(
    "said",
    [{"reference_statements": ["Another fact.", "And one more."]}, {"transcripts": ["Somebody else speaks."]}],
    ids=["statements", "transcripts"],
)
def test_other_references_of_a_picture_are_refused(tmp_path, said):
    """Two runs may name the same list, and yet the judge made other statements of it."""
    one, two = (evaluated(tmp_path / x, x, "yn") for x in "ab")
    finished(two, [row(p, "b", "yn", "yy", recall_by="judge-1", **(said if p == "c" else {})) for p in "abcdef"])
    with pytest.raises(BadSetting, match=r"differ in references: .* for 1 of the 6 pictures"):
        compare([one, two])


def test_a_picture_whose_statements_failed_in_one_folder_stops_no_comparison(tmp_path):
    """It has no recall there, so nothing of it is compared."""
    one, two = (evaluated(tmp_path / x, x, "yn") for x in "ab")
    rows = [row(p, "b", "yn", "yy", recall_by="judge-1") for p in "abcdef"]
    rows[2] |= {"reference_statements": [], "reference_outcome": "server_error", "recall": None, "recall_verdicts": []}
    finished(two, rows)
    found = compare([one, two], samples=100)
    assert next(d for d in found.differences if d.metric == "recall").difference.pictures == 5


def test_folders_without_a_common_picture_are_refused(tmp_path):
    """Nothing of them is measured by the same words."""
    one, two = (evaluated(tmp_path / x, x, "y") for x in "ab")
    finished(two, [row(p, "b", "y", "y", recall_by="judge-1") for p in "uvwxyz"])
    with pytest.raises(BadSetting, match="no picture in common"):
        compare([one, two])


def test_another_judge_behind_the_same_name_is_refused(tmp_path):
    """An endpoint may answer as another model than it was asked for: who answered counts."""
    folders = [evaluated(tmp_path / x, x, "y", judge=f"judge-2026-0{i}-01") for i, x in enumerate("ab", 1)]
    with pytest.raises(BadSetting, match=r"differ in judge of recall \(judge-2026-01-01 and judge-2026-02-01\)"):
        compare(folders)


def test_what_is_no_evaluation_is_refused(tmp_path):
    """A folder without results, one whose results are something else, one of a later version."""
    out = evaluated(tmp_path / "a", "one", "y")
    with pytest.raises(BadFolder, match=r"has no results\.json"):
        compare([out, tmp_path / "none"])
    for text, said in (
        ("[]", "is not the results.json"),
        ('{"format": "pixmo-results/9"}', "use the pixmo that wrote it"),
    ):
        (out / "results.json").write_text(text)
        with pytest.raises(BadFolder, match=said):
            compare([out])
