"""Rows of every shape walk the road: one URL, lists of URLs, splits, odd columns, embedded pictures, other formats."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pixmo.errors import BadFolder, BadSource, InUse, NoSpace
from pixmo.run.folder import working_on
from pixmo.run.forget import forget
from pixmo.run.job import Effort, run_recipe
from pixmo.run.maintain import clean, export, retry, status
from pixmo.run.recipe import Recipe, Step, load_stage
from pixmo.run.verify import verify
from tests.pictures import encode, exif_rotated, jpeg, near_copies, photo, png
from tests.road.lists import ADDRESSES, Row, road, write_list
from tests.server.trouble import TroubleServer

pytestmark = pytest.mark.slow
QUIET = Effort(n_proc=1, min_free_bytes=0, quiet=True)


def published(out: Path) -> pa.Table:
    return pq.read_table(out / "data")


def good_list(tmp_path: Path, host: TroubleServer, count: int = 20) -> Path:
    rows = [Row(host.url(f"/p/{i}.jpg", ADDRESSES[i % 2]), "ok", f"{i}.jpg") for i in range(count)]
    return write_list(tmp_path / "list.jsonl", rows)


def test_a_row_may_hold_several_urls(tmp_path: Path, host: TroubleServer) -> None:
    """Answers of a list of URLs are lists of the same length; a row is kept when all its pictures are good."""
    rows = [
        {"image_urls": [host.url("/p/1.jpg"), host.url("/p/2.jpg")], "q": "both"},
        {"image_urls": [host.url("/p/3.jpg"), host.url("/status:404")], "q": "one is missing"},
        {"image_urls": [], "q": "none"},
        {"image_urls": [host.url("/p/1.jpg")], "q": "one"},
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "list.parquet")
    summary = run_recipe(road(tmp_path / "list.parquet"), tmp_path / "out", QUIET)
    table = published(tmp_path / "out")
    assert table.column("q").to_pylist() == ["both", "one"]
    assert [[p["bytes"] for p in row] for row in table.column("images").to_pylist()] == [
        [host.pictures["1.jpg"], host.pictures["2.jpg"]],
        [host.pictures["1.jpg"]],
    ]
    assert table.column("width").to_pylist() == [[96, 96], [96]]
    assert summary.outcomes == {"ok": 4, "not_found": 1}
    assert run_recipe(road(tmp_path / "list.parquet"), tmp_path / "out", QUIET).files_written == 0


def test_columns_travel_along_unchanged(tmp_path: Path, host: TroubleServer) -> None:
    """Nested, typed and clashing columns of the list are published under their own names with their own types."""
    table = pa.table(
        {
            "image_url": [host.url("/p/1.jpg"), host.url("/p/2.jpg")],
            "points": pa.array(
                [[{"x": 1.5, "y": 2.0}], []], pa.list_(pa.struct([("x", pa.float64()), ("y", pa.float64())]))
            ),
            "count": pa.array([1, None], pa.int32()),
            "width": pa.array([640.0, 480.0], pa.float32()),
            "outcome": pa.array(["theirs", "too"]),
            "split": pa.array(["a", "b"]),
            "label": pa.array(["cat", "dog"]).dictionary_encode(),
        }
    )
    pq.write_table(table, tmp_path / "list.parquet")
    run_recipe(road(tmp_path / "list.parquet"), tmp_path / "out", QUIET)
    got = published(tmp_path / "out")
    for name in ("points", "count", "width", "outcome", "split"):
        assert got.column(name).to_pylist() == table.column(name).to_pylist()
        assert got.schema.field(name).type == table.schema.field(name).type
    assert got.column("label").to_pylist() == ["cat", "dog"]
    assert got.column("pixmo_width").to_pylist() == [96, 96]
    assert got.column("pixmo_outcome").to_pylist() == ["ok", "ok"]


def test_splits_are_decided_before_anything_is_fetched(tmp_path: Path, host: TroubleServer) -> None:
    """The same rows stand in validation whether or not their pictures could be had, and no picture stands in two splits."""
    source = good_list(tmp_path, host, 30)
    recipe = replace(road(source), splits=("validation=8",))
    run_recipe(recipe, tmp_path / "a", QUIET)
    first = _split_of(tmp_path / "a")
    assert sorted(first.values()).count("validation") == 8
    for i in range(0, 30, 3):
        del host.pictures[f"{i}.jpg"]
    run_recipe(recipe, tmp_path / "b", QUIET)
    assert _split_of(tmp_path / "b").items() <= first.items()


def _split_of(out: Path) -> dict[str, str]:
    found = {}
    for file in sorted((out / "data").glob("*.parquet")):
        for caption in pq.read_table(file).column("caption").to_pylist():
            assert caption not in found
            found[caption] = file.name.split("-")[0]
    return found


def test_a_training_row_that_shows_a_validation_picture_is_marked(tmp_path: Path, host: TroubleServer) -> None:
    """Bytes reveal what URLs did not: the row stays in its split, marked, and the default clauses leave it out."""
    host.pictures = {f"{i}.jpg": jpeg(i % 10, (96, 72)) for i in range(20)}
    recipe = replace(road(good_list(tmp_path, host, 20)), splits=("validation=5",))
    select = Step("select", load_stage("select", {"where": ["ok", "not in_other_split"]}))
    run_recipe(replace(recipe, steps=(*recipe.steps[:-1], select)), tmp_path / "out", QUIET)
    shas: dict[str, set[str]] = {}
    for file in (tmp_path / "out" / "data").glob("*.parquet"):
        shas.setdefault(file.name.split("-")[0], set()).update(pq.read_table(file).column("fetched_sha256").to_pylist())
    assert shas["train"] & shas["validation"] == set()
    assert len(shas["train"]) + len(shas["validation"]) == 10


def test_own_pictures_walk_the_same_road(tmp_path: Path) -> None:
    """A folder of pictures with captions beside them becomes a data set without the network."""
    folder = tmp_path / "mine"
    folder.mkdir()
    pictures = {"a.jpg": jpeg(1), "b.png": png(2), "c.jpg": exif_rotated(), "d.jpg": b"<html>"}
    for name, data in pictures.items():
        (folder / name).write_bytes(data)
    (folder / "a.txt").write_text("a cat")
    steps = (Step("unpack_pictures", load_stage("unpack_pictures", {})), *road(folder).steps[1:])
    recipe = Recipe("mine", steps, input=str(folder), source={"pictures": True})
    summary = run_recipe(recipe, tmp_path / "out", QUIET)
    assert summary.outcomes == {"ok": 3, "not_an_image": 1}
    table = published(tmp_path / "out")
    assert {i["bytes"] for i in table.column("image").to_pylist()} == {pictures[n] for n in ("a.jpg", "b.png", "c.jpg")}
    assert "a cat" in table.column("caption").to_pylist()


@pytest.mark.parametrize("format", ["parquet", "arrow", "webdataset"])
def test_every_format_holds_the_same_pictures(tmp_path: Path, host: TroubleServer, format: str) -> None:
    """A finished folder is exported to each format without asking anybody."""
    run_recipe(road(good_list(tmp_path, host)), tmp_path / "out", QUIET)
    asked = len(host.log)
    exported = export(tmp_path / "out", tmp_path / "other", format, None, QUIET)
    assert (exported.rows, len(host.log)) == (20, asked)
    assert verify(tmp_path / "out") == []
    wanted = {hashlib.sha256(host.pictures[f"{i}.jpg"]).hexdigest() for i in range(20)}
    assert _pictures_in(tmp_path / "other", format) == wanted


def _pictures_in(out: Path, format: str) -> set[str]:
    if format == "parquet":
        data = [row["bytes"] for row in published(out).column("image").to_pylist()]
    elif format == "arrow":
        tables = [pa.ipc.open_stream(p).read_all() for p in sorted(out.glob("train/*.arrow"))]
        data = [row["bytes"] for t in tables for row in t.column("image").to_pylist()]
    else:
        import tarfile

        data = []
        for path in sorted((out / "data").glob("*.tar")):
            with tarfile.open(path) as tar:
                data += [tar.extractfile(m).read() for m in tar if m.name.endswith(".jpg")]  # type: ignore[union-attr]
    return {hashlib.sha256(d).hexdigest() for d in data}


def test_retry_asks_only_what_may_pass(tmp_path: Path, host: TroubleServer) -> None:
    """After a server has healed, retry fetches the failed picture, decodes only it and rewrites only its file."""
    rows = [Row(host.url(f"/p/{i}.jpg"), "ok") for i in range(10)] + [Row(host.url("/unready:6/p/11.jpg"), "")]
    source = write_list(tmp_path / "list.jsonl", rows)
    first = run_recipe(road(source), tmp_path / "out", QUIET)
    assert first.outcomes == {"ok": 10, "server_error": 1}
    assert first.retryable == 1
    assert run_recipe(road(source), tmp_path / "out", QUIET).asked == 0  # a healed server is not seen by accident
    asked = len(host.log)
    second = retry(tmp_path / "out", None, QUIET)
    assert second.outcomes == {"ok": 11}
    assert {seen.path for seen in host.log[asked:]} == {"/unready:6/p/11.jpg"}
    assert verify(tmp_path / "out") == []


def test_an_error_is_never_a_picture(tmp_path: Path, host: TroubleServer) -> None:
    """No text of a failure enters the store: its packs hold exactly the pictures served."""
    rows = [Row(host.url("/status:404"), ""), Row(host.url("/reset"), ""), Row(host.url("/p/1.jpg"), "")]
    run_recipe(road(write_list(tmp_path / "list.jsonl", rows)), tmp_path / "out", QUIET)
    with working_on(tmp_path / "out") as (_, store):
        entries = [sha for pack in store.packs.names() for sha, _, _ in store.packs.entries(pack)]
    assert entries == [hashlib.sha256(host.pictures["1.jpg"]).hexdigest()]


def test_one_url_with_two_expected_digests_is_judged_per_row(tmp_path: Path, host: TroubleServer) -> None:
    """Rows of one URL keep their own verdicts; `strict` leaves the wrong one out."""
    right = hashlib.sha256(host.pictures["1.jpg"]).hexdigest()
    rows = [Row(host.url("/p/1.jpg"), "", None, digest) for digest in (right, "0" * 64, None)]
    source = write_list(tmp_path / "list.jsonl", rows)
    run_recipe(road(source), tmp_path / "out", QUIET)
    assert published(tmp_path / "out").column("hash_verdict").to_pylist() == ["equal", "differs", "none_expected"]
    strict = road(source)
    fold = Step("fold_outcome", load_stage("fold_outcome", {"hash_policy": "strict"}))
    strict = replace(strict, steps=tuple(fold if s.use == "fold_outcome" else s for s in strict.steps))
    asked = len(host.log)
    assert run_recipe(strict, tmp_path / "out", QUIET).outcomes == {"ok": 2, "wrong_hash": 1}
    assert len(host.log) == asked  # a policy is a verdict over facts


def test_a_larger_limit_asks_again_only_what_was_cut(tmp_path: Path, host: TroubleServer) -> None:
    """A body refused as too large is asked for again when the limit grows; the others are not."""
    size = len(host.pictures["1.jpg"])
    small = min(len(host.pictures[f"{i}.jpg"]) for i in range(10))
    source = good_list(tmp_path, host, 10)
    first = run_recipe(road(source, max_bytes=(size + small) // 2 if size > small else size), tmp_path / "out", QUIET)
    asked = len(host.log)
    second = run_recipe(road(source, max_bytes=10**6), tmp_path / "out", QUIET)
    assert second.outcomes == {"ok": 10}
    assert len(host.log) - asked == first.outcomes.get("too_large", 0)


def test_forget_takes_a_picture_down_for_good(tmp_path: Path, host: TroubleServer) -> None:
    """After forget neither bytes nor row are in store or data, and a new run does not fetch them again."""
    source = good_list(tmp_path, host, 6)
    run_recipe(road(source), tmp_path / "out", QUIET)
    gone = host.url("/p/3.jpg", ADDRESSES[1])
    told = forget(tmp_path / "out", [gone], QUIET)
    assert (told.urls, told.pictures, told.rows) == (1, 1, 1)
    assert gone not in published(tmp_path / "out").column("image_url").to_pylist()
    asked = len(host.log)
    run_recipe(road(source), tmp_path / "out", QUIET)
    assert len(host.log) == asked
    data = host.pictures["3.jpg"]
    for path in (tmp_path / "out").rglob("*"):
        assert not path.is_file() or data not in path.read_bytes()
    assert verify(tmp_path / "out") == []
    assert status(tmp_path / "out").outcomes == {"ok": 5, "forgotten": 1}


def test_verify_names_damage_and_repairs_only_it(tmp_path: Path, host: TroubleServer) -> None:
    """Flipped bytes in data, side files and packs are each named; repair ends in the bytes of before."""
    run_recipe(road(good_list(tmp_path, host)), tmp_path / "out", QUIET)
    out = tmp_path / "out"
    before = {p: p.read_bytes() for p in [*(out / "data").iterdir(), out / "manifest.json"]}
    victims = [
        next((out / "data").iterdir()), next((out / ".pixmo" / "columns").glob("inspect_image*")),
        next((out / ".pixmo" / "packs").glob("*.pack")),
    ]  # fmt: skip
    for path in victims:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 0xFF
        path.write_bytes(data)
    problems = verify(out)
    assert len(problems) == 3
    asked = len(host.log)
    assert all(p.repaired for p in verify(out, repair=True, effort=QUIET))
    assert verify(out) == []
    assert {p: p.read_bytes() for p in before} == before
    assert len(host.log) - asked <= 1


def test_packs_may_go_when_pictures_are_published(tmp_path: Path, host: TroubleServer) -> None:
    """After clean with packs the folder is whole, and another selection is written from data/ without asking anybody."""
    source = good_list(tmp_path, host)
    run_recipe(road(source), tmp_path / "out", QUIET)
    before = {p.name: p.read_bytes() for p in (tmp_path / "out" / "data").iterdir()}
    assert clean(tmp_path / "out", packs=True).bytes > 20 * 1000
    assert not list((tmp_path / "out" / ".pixmo" / "packs").glob("*.pack"))
    assert verify(tmp_path / "out") == []
    asked = len(host.log)
    (tmp_path / "out" / ".pixmo" / "published" / "train-00000.json").unlink()
    run_recipe(road(source), tmp_path / "out", QUIET)
    assert {p.name: p.read_bytes() for p in (tmp_path / "out" / "data").iterdir()} == before
    assert len(host.log) == asked


def test_a_grown_list_asks_only_what_is_new(tmp_path: Path, host: TroubleServer) -> None:
    """Another list for the same folder is refused; update does only what is new."""
    run_recipe(road(good_list(tmp_path, host, 10)), tmp_path / "out", QUIET)
    asked = len(host.log)
    longer = road(good_list(tmp_path, host, 14))
    with pytest.raises(BadFolder, match="pixmo update"):
        run_recipe(longer, tmp_path / "out", QUIET)
    assert run_recipe(longer, tmp_path / "out", QUIET, update=True).outcomes == {"ok": 14}
    assert len(host.log) - asked == 4


def test_a_foreign_folder_is_never_touched(tmp_path: Path, host: TroubleServer) -> None:
    """A folder that something else made stays as it is."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("mine")
    with pytest.raises(BadFolder, match="not made by pixmo"):
        run_recipe(road(good_list(tmp_path, host, 2)), tmp_path / "out", QUIET)
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["thesis.tex"]


def test_the_second_of_two_runs_is_told(tmp_path: Path, host: TroubleServer) -> None:
    """While a run holds the folder another is refused at once, naming the process."""
    source = good_list(tmp_path, host, 2)
    with working_on(tmp_path / "out"), pytest.raises(InUse, match="process"):
        run_recipe(road(source), tmp_path / "out", QUIET)
    assert run_recipe(road(source), tmp_path / "out", QUIET).written == 2


def test_two_sets_share_one_store(tmp_path: Path, host: TroubleServer) -> None:
    """A picture that two lists want is fetched once when they share a store."""
    effort = replace(QUIET, store=tmp_path / "store")
    run_recipe(road(good_list(tmp_path, host, 6)), tmp_path / "a", effort)
    asked = len(host.log)
    assert run_recipe(road(good_list(tmp_path, host, 8)), tmp_path / "b", effort).outcomes == {"ok": 8}
    assert len(host.log) - asked == 2


def test_pictures_at_hand_are_not_fetched(tmp_path: Path, host: TroubleServer) -> None:
    """--reuse takes pictures from Ai2's cache; its error texts are not believed."""
    cache = tmp_path / "pixmo_images"
    cache.mkdir()
    urls = [host.url(f"/p/{i}.jpg", ADDRESSES[i % 2]) for i in range(4)]
    for i, url in enumerate(urls[:3]):
        name = hashlib.sha256(url.encode()).hexdigest()
        (cache / name).write_bytes(host.pictures[f"{i}.jpg"] if i < 2 else b"404 Client Error: Not Found for url")
    summary = run_recipe(road(good_list(tmp_path, host, 4)), tmp_path / "out", replace(QUIET, reuse=cache))
    assert summary.outcomes == {"ok": 4}
    assert {seen.path for seen in host.log} == {"/p/2.jpg", "/p/3.jpg"}


def test_a_list_without_a_valid_row_ends_well(tmp_path: Path) -> None:
    """Rows that cannot be asked are outcomes; the folder is whole and says so."""
    rows = [Row("https://", ""), Row("not a url at all", ""), Row("ftp://x.test/a.jpg", "")]
    source = write_list(tmp_path / "list.jsonl", rows)
    recipe = replace(road(source), url_column="image_url")
    try:
        summary = run_recipe(recipe, tmp_path / "out", QUIET)
    except BadSource as error:  # naming the column is the user's word against the sample
        pytest.fail(str(error))
    assert (summary.written, summary.rows) == (0, 3)
    assert verify(tmp_path / "out") == []


def test_near_copies_are_found_and_published_rows_say_so(tmp_path: Path, host: TroubleServer) -> None:
    """A re-encoded copy is marked as a near duplicate of the first row that shows the picture; nothing is dropped by default."""
    original = photo(5, (320, 240))
    host.pictures = {
        "0.jpg": encode(original),
        "1.jpg": encode(next(iter(near_copies(original).values()))),
        "2.jpg": jpeg(77),
    }
    host.pictures["3.jpg"] = host.pictures["2.jpg"]
    run_recipe(road(good_list(tmp_path, host, 4)), tmp_path / "out", QUIET)
    table = published(tmp_path / "out")
    assert sorted(filter(None, table.column("duplicate_kind").to_pylist())) == ["exact", "near"]
    assert table.num_rows == 4


def test_the_manifest_holds_no_clock(tmp_path: Path, host: TroubleServer) -> None:
    """Two folders made from one list have the same data and the same manifest."""
    source = good_list(tmp_path, host)
    for name in ("a", "b"):
        run_recipe(road(source), tmp_path / name, QUIET)
    a, b = ((tmp_path / n / "manifest.json").read_text() for n in "ab")
    assert a == b
    assert json.loads(a)["rows"] == 20


def test_a_disk_too_full_is_told_before_anything_is_asked(tmp_path: Path, host: TroubleServer) -> None:
    """With less free than --min-free-disk a run ends in one line and asks no host; with enough it goes on from there."""
    source = good_list(tmp_path, host, 3)
    with pytest.raises(NoSpace, match="--min-free-disk"):
        run_recipe(road(source), tmp_path / "out", replace(QUIET, min_free_bytes=10**18))
    assert host.log == []
    assert run_recipe(road(source), tmp_path / "out", QUIET).written == 3


def test_resized_copies_are_published_and_the_original_is_named(tmp_path: Path, host: TroubleServer) -> None:
    """With resize_image the published bytes are the smaller copy; fetched_sha256 stays that of what was fetched."""
    plain = road(good_list(tmp_path, host, 4))
    resize = Step("resize_image", load_stage("resize_image", {"longest_edge_px": 48}), "image_ok")
    recipe = replace(plain, steps=(*plain.steps[:3], resize, *plain.steps[3:]))
    run_recipe(recipe, tmp_path / "out", QUIET)
    table = published(tmp_path / "out")
    for row in table.select(["image", "fetched_sha256", "resized_sha256", "resized_width"]).to_pylist():
        assert hashlib.sha256(row["image"]["bytes"]).hexdigest() == row["resized_sha256"] != row["fetched_sha256"]
        assert max(Image.open(io.BytesIO(row["image"]["bytes"])).size) == 48 == row["resized_width"]
    assert run_recipe(recipe, tmp_path / "out", QUIET).files_written == 0


def test_what_one_folder_forgets_leaves_the_others_of_its_store(tmp_path: Path, host: TroubleServer) -> None:
    """With a shared store, the next run of another folder publishes without the picture that was taken down."""
    effort = replace(QUIET, store=tmp_path / "store")
    for name in ("a", "b"):
        run_recipe(road(good_list(tmp_path, host, 4)), tmp_path / name, effort)
    forget(tmp_path / "a", [host.url("/p/2.jpg")], effort)
    run_recipe(road(tmp_path / "list.jsonl"), tmp_path / "b", effort)
    gone = hashlib.sha256(host.pictures["2.jpg"]).hexdigest()
    for name in ("a", "b"):
        assert gone not in published(tmp_path / name).column("fetched_sha256").to_pylist()
        assert published(tmp_path / name).num_rows == 3


def test_files_of_others_in_data_are_left_alone(tmp_path: Path, host: TroubleServer) -> None:
    """A stray file is told by verify, not deleted by a run; leftovers of another format are."""
    source = good_list(tmp_path, host, 4)
    run_recipe(road(source), tmp_path / "out", QUIET)
    (tmp_path / "out" / "data" / "notes.txt").write_text("mine")
    run_recipe(replace(road(source), format="webdataset"), tmp_path / "out", QUIET)
    names = {p.name for p in (tmp_path / "out" / "data").iterdir()}
    assert names == {"notes.txt", "train-00000.tar", "train-00000.idx"}
    assert [p.path for p in verify(tmp_path / "out")] == ["data/notes.txt"]
