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
    stamp = {"seed": 3, "references": "ab", "prompts": ["recall@1"], "missing": 1}
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
    [("protocol", "ai2"), ("kind", "video"), ("judge", "other"), ("references", "cd"), ("prompts", ["recall@2"])],
)
def test_what_was_judged_otherwise_is_refused_by_name(tmp_path, name, value):
    """Numbers of different protocols, judges or references do not stand in one table."""
    folders = [evaluated(tmp_path / "a", "one", "y"), evaluated(tmp_path / "b", "two", "y", **{name: value})]
    with pytest.raises(BadSetting, match=rf"differ in {name} .* do not compare"):
        compare(folders)


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
