"""The page of a probe: verdicts on top, curves, and the rows that cost most with their picture, each word tinted by its cost."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pixmo.dataset.rows_chunk import Row
from pixmo.errors import BadRecord
from pixmo.molmo.tokens import Tokens
from pixmo.page.charts import line
from pixmo.page.html import Child, Html, foreign, page, tag
from pixmo.page.numbers import count, duration

THUMBNAIL_PX = 240
MOST_WORDS, COSTLIEST, MOST_LEFT_OUT = 500, 5, 20
LEVELS = (1.0, 2.0, 4.0, 8.0)  # nats that a word costs, from which on it is tinted so much
TINTS = (12, 24, 36, 48)  # per cent of the tone over the card
END = " ∎"
REPLACED = "\ufffd"
LONGEST_CHARACTER = 4  # tokens, where each is a byte
Plain = Mapping[str, Any]  # JSON

STYLE = (
    ".suspect{display:grid;gap:.75rem 1rem;grid-template-columns:minmax(0,240px) minmax(0,1fr)}"
    ".suspect img{max-width:100%;height:auto;border-radius:.4rem}"
    ".said{white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.8}"
    ".said span,.scale span{border-radius:.2rem}"
    ".scale span{padding:.1rem .4rem}"
    + "".join(
        f".t{level}{{background:color-mix(in srgb,var(--lost) {tint}%,var(--card));border-bottom:{level}px solid var(--lost)}}"
        for level, tint in enumerate(TINTS, 1)
    )
    + ".scroll+.cards{margin-top:1rem}@media(max-width:34rem){.suspect{grid-template-columns:minmax(0,1fr)}}"
)


class Word(NamedTuple):
    """A word with the space before it, and what its tokens cost together."""

    text: str
    cost: float


class Suspect(NamedTuple):
    """A row that is shown."""

    told: Plain
    row: Row
    words: list[Word]


def words_of(tokens: Tokens, ids: Sequence[int], costs: Sequence[float]) -> list[Word]:
    """The words of learned tokens; a character of several tokens stays whole, the end of an answer is a word of its own."""
    words: list[Word] = []
    held: list[int] = []
    cost, is_new = 0.0, True
    for token, each in zip(ids, costs, strict=True):
        cost += each
        if token == tokens.end_id:
            words.append(Word(tokens.decode(held) + END if held else END, cost))
            held, cost, is_new = [], 0.0, True
            continue
        held.append(token)
        text = tokens.decode(held)
        if REPLACED in text and len(held) < LONGEST_CHARACTER:
            continue
        if is_new or text[:1].isspace():
            words.append(Word(text, cost))
        else:
            words[-1] = Word(words[-1].text + text, words[-1].cost + cost)
        held, cost, is_new = [], 0.0, False
    return [*words, Word(tokens.decode(held), cost)] if held else words


def page_of(results: Plain, suspects: Sequence[Suspect]) -> str:
    """The whole page, self-contained; whatever stands in the data is shown as text."""
    sections = {"overfit": _overfit, "shuffle": _shuffle}
    return page(
        f"{results['data']} · pixmo train probe",
        _header(results),
        tag(
            "main",
            _verdicts(results),
            [section(results[name]) for name, section in sections.items() if name in results],
            _suspicious(results["suspicious"], suspects) if "suspicious" in results else None,
            _left_out(results["left_out"]),
        ),
        tag("footer", "Made by pixmo train probe. Every number stands in probe.json, every row in rows.parquet."),
        style=STYLE,
    )


def _header(results: Plain) -> Html:
    what = "a small captioner from scratch" if results["model"] == "from scratch" else foreign(results["model"])
    cut = (
        f"; {count(results['cut'])} of them longer than {results['context']} tokens, and cut there"
        if results["cut"]
        else ""
    )
    told = (
        f"{count(results['rows'])} rows with {count(results['pictures'])} different pictures, looked at with ", what, cut, "."
    )  # fmt: skip
    return tag(
        "header", tag("p", "pixmo train probe", class_="eyebrow"), tag("h1", foreign(results["data"])), tag("p", told)
    )


def _verdicts(results: Plain) -> Html:
    tiles: list[tuple[str, str, str]] = []
    if found := results.get("overfit"):
        tiles.append(
            (
                f"A batch of {found['rows']} rows",
                found["verdict"],
                f"loss {found['loss']:.3f} in {found['steps']} steps",
            )
        )
    if found := results.get("shuffle"):
        detail = (
            found["why"]
            if "why" in found
            else f"{_interval(found['gained'])} nats a token, {count(found['held_out'])} rows"
        )
        tiles.append(("Pictures and captions", found["verdict"], detail))
    if found := results.get("suspicious"):
        tiles.append(("Rows to look at", count(len(found["rows"])), f"the highest losses of {count(found['scored'])}"))
    return tag(
        "dl",
        [tag("div", tag("dt", name), tag("dd", what, class_="figure"), tag("dd", more, class_="soft")) for name, what, more in tiles],
        class_="tiles",
    )  # fmt: skip


def _overfit(found: Plain) -> Html:
    left = [
        tag("tr", tag("th", foreign(each["row_id"]), scope="row"), tag("td", f"{each['loss']:.3f}", class_="number"), tag("td", each["why"]))
        for each in found["left"]
    ]  # fmt: skip
    return _section(
        "Can a batch be learned by heart?",
        f"A model that learns nothing but these {found['rows']} rows should reach a loss below {found['goal']} nats a token. Where it does not, "
        f"rows contradict each other, or the training is at fault. It took {duration(found['seconds'])}.",
        _curve(found["curve"], "Loss of the batch"),
        _table(("Row", "Loss", "Why that may be"), left) if left else None,
    )


def _shuffle(found: Plain) -> Html:
    title = "Do its pictures tell about its captions?"
    if "why" in found:
        return _section(title, f"Not measured: {found['why']}.")
    rows = (
        ("Trained on true pairs: another's picture costs", found["gained_true"]),
        ("Trained on shuffled pairs: another's picture costs", found["gained_shuffled"]),
        ("The difference, which the verdict rests on", found["gained"]),
        ("Loss on true pairs: how much higher when trained on shuffled ones", found["difference"]),
    )
    return _section(
        title,
        f"Two models began with the same weights and saw the same {count(found['trained_on'])} rows in the same order, one with every caption "
        f"beside its picture, one with captions dealt to other pictures. Both were asked about {count(found['held_out'])} other rows: how much "
        "more does a caption cost beside another row's picture than beside its own? Each model is measured against itself, because two "
        f"trainings differ by chance also where pictures say nothing. Chance alone makes as large a difference with p = {found['p']:.4f}.",
        _table(
            ("", "Nats a token, 99 % interval"),
            [tag("tr", tag("th", name, scope="row"), tag("td", _interval(one), class_="number")) for name, one in rows],
        ),
        tag(
            "div",
            tag("div", tag("h3", "True pairs"), _curve(found["curves"]["true"], "Loss on true pairs"), class_="card"),
            tag(
                "div",
                tag("h3", "Shuffled"),
                _curve(found["curves"]["shuffled"], "Loss on shuffled pairs"),
                class_="card",
            ),
            class_="cards",
        ),
    )


def _suspicious(found: Plain, suspects: Sequence[Suspect]) -> Html:
    scale = [tag("span", f"{low:g} nats", class_=f"t{level}") for level, low in enumerate(LEVELS, 1)]
    return _section(
        "Rows to look at",
        f"Each of {count(found['scored'])} rows was scored by a model that was trained on the other half. These cost most for their style: wrong "
        "captions and broken pictures stand among them, and rows that are merely unusual.",
        tag("p", "A word is tinted by what it costs, from: ", [(each, " ") for each in scale], f"; {END.strip()} is the end of an answer.", class_="scale"),
        [_suspect(each) for each in suspects],
    )  # fmt: skip


def _suspect(one: Suspect) -> Html:
    told = one.told
    facts = {
        "Loss": f"{told['loss']:.3f} nats a token",
        "Above the mean of its style by": f"{told['z']:.1f} deviations",
        "Beside another's picture": f"{told['loss_beside_another']:.3f}"
        if told["loss_beside_another"] is not None
        else None,
        "Style": foreign(told["style"]),
    }
    return tag(
        "article",
        tag("div", _thumbnail(one.row)),
        tag(
            "div",
            tag("h3", foreign(told["row_id"])),
            tag("dl", [(tag("dt", name), tag("dd", value)) for name, value in facts.items() if value], class_="facts"),
            tag("p", tag("bdi", _tinted(one.words)), class_="said"),
            tag("p", _costliest(one.words), class_="soft"),
        ),
        class_="card suspect",
    )


def _tinted(words: Sequence[Word]) -> Iterator[Child]:
    for word in words[:MOST_WORDS]:
        level = sum(word.cost >= low for low in LEVELS)
        if not level:
            yield word.text
            continue
        bare = word.text.lstrip()
        yield word.text[: len(word.text) - len(bare)]
        yield tag("span", bare, class_=f"t{level}", title=f"{word.cost:.1f} nats")
    if len(words) > MOST_WORDS:
        yield f" … {count(len(words) - MOST_WORDS)} more words"


def _costliest(words: Sequence[Word]) -> Iterator[Child]:
    """What the tints say, in words."""
    top = sorted((word for word in words if word.cost >= LEVELS[0]), key=lambda word: -word.cost)[:COSTLIEST]
    yield "Costliest words: " if top else "No word costs much."
    for number, word in enumerate(top):
        yield (", " if number else "", foreign(word.text.strip(), 40), f" {word.cost:.1f}")


def _thumbnail(row: Row) -> Html:
    try:
        picture = row.picture().convert("RGB")
    except BadRecord as error:
        return tag("p", foreign(str(error)), class_="soft")
    picture.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=80)
    data = base64.b64encode(out.getvalue()).decode()
    return tag(
        "img", src=f"data:image/jpeg;base64,{data}", alt="Its picture", width=picture.width, height=picture.height
    )


def _left_out(left_out: Mapping[str, str]) -> Html | None:
    if not left_out:
        return None
    shown = list(left_out.items())[:MOST_LEFT_OUT]
    more = f"{count(len(left_out) - len(shown))} more stand in probe.json." if len(left_out) > len(shown) else None
    return _section(
        f"{count(len(left_out))} rows left out",
        "They cannot be learned; others took their place where there were any.",
        _table(("Row", "Why"), [tag("tr", tag("th", foreign(row), scope="row"), tag("td", foreign(why, 200))) for row, why in shown]),
        more and tag("p", more),
    )  # fmt: skip


def _section(title: str, text: str, *body: Child) -> Html:
    return tag("section", tag("h2", title), tag("p", text), *body)


def _table(head: Iterable[str], rows: Iterable[Html]) -> Html:
    titles = tag("thead", tag("tr", [tag("th", each, scope="col") for each in head]))
    return tag(
        "div", tag("table", titles, tag("tbody", rows)), class_="scroll", tabindex=0, role="region", aria_label="Table"
    )


def _curve(losses: Sequence[float], title: str) -> Html:
    return line(list(enumerate(losses, 1)), title, "step", "nats a token")


def _interval(found: Plain) -> str:
    value, low, high = (found[name] for name in ("value", "low", "high"))
    return f"{value:+.4f}" if low is None else f"{value:+.4f} ({low:+.4f} to {high:+.4f})"
