"""Static sites of small sets, opened in a browser from `file://`."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, Page

from pixmo.records.base import Record
from pixmo.records.caption import Caption
from pixmo.records.places import Mask, Orientation, Unit
from pixmo.view.source import open_data
from pixmo.view.static import Plan, write_static
from tests.view.browser import Watched
from tests.view.serving import picture, points, write_set

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u202eevil\u202c </title></script> ]]> ${7*7} \u2028 \\u003c"

_SEEN = """() => Promise.all([...document.images].filter((image) => image.getBoundingClientRect().top < innerHeight)
  .map((image) => image.decode().catch(() => null)))"""


def site_of(data: Path | str, out: Path, plan: Plan | None = None) -> Path:
    """The folder with the pages of a set."""
    write_static(open_data(str(data)), out, plan)
    return out


def points_site(folder: Path) -> Path:
    """60 rows: 0 upright, 1 turned by EXIF, 2 on its head, 3 pixels of the stored picture, 4 none, 5 broken, 6 with a mask."""
    inside = [120 * 400 + 100, *(60, 340) * 39, 60]
    square = Mask(height_px=300, width_px=400, runs=(*inside, 300 * 400 - sum(inside)))
    stored = points("cat", (225, 300), unit=Unit.PIXELS, orientation=Orientation.STORED)
    records = [
        *(points("cat", (25, 75)) for _ in range(3)), stored, points("unicorn"), points("cat", (25, 75)),
        points("cat", (25, 75), (60, 30), masks=(square,), image_width_px=400, image_height_px=300),
        *(points(f"thing {n % 20}", *[(25, 75)] * (n % 5 + 1)) for n in range(7, 60)),
    ]  # fmt: skip
    turned = [picture(), picture(exif=6), picture(exif=3), picture(exif=6), picture(), b"no picture"]
    pictures = [*turned, *(picture(n=n) for n in range(6, 60))]
    data = write_set(folder / "set.parquet", records, pictures, score=[n / 10 for n in range(60)])
    return site_of(data, folder / "site")


def captions_site(folder: Path) -> Path:
    """4 rows with captions and transcripts; the second is hostile in every text, the third is long."""
    said: list[Record] = [
        Caption(image_url="https://a.example/1.jpg", caption="A red bus by the house.", transcripts=("a red bus near the house",)),
        Caption(image_url=f"https://a.example/{HOSTILE}", caption=HOSTILE, transcripts=(HOSTILE,)),
        Caption(image_url="https://b.example/3.jpg", caption="word " * 200_000, transcripts=()),
        Caption(image_url="https://b.example/4.jpg", caption="Café 猫 and dog.", transcripts=()),
    ]  # fmt: skip
    data = write_set(folder / "<img src=x>.parquet", said, [picture(n=n) for n in range(4)], **{HOSTILE: [HOSTILE] * 4})
    return site_of(data, folder / "site \"'<b>")


class Opened(Watched):
    """A site in a browser; everything it asks for but files of the site is a complaint."""

    def __init__(
        self, browser: Browser, site: Path, width: int = 1280, height: int = 900, scheme: str = "light"
    ) -> None:
        super().__init__(browser, site.as_uri() + "/", width, height, color_scheme=scheme)
        self.page.set_default_timeout(10_000)

    def go(self, path: str = "index.html") -> Page:
        """Opens a page and waits until its script is done."""
        self.page.goto(self.url + path)
        self.page.locator("body[data-ready]").wait_for(state="attached")
        self.page.evaluate(_SEEN)
        return self.page

    def numbers(self) -> list[int]:
        """The rows of the grid."""
        return [int(card.get_attribute("data-row") or -1) for card in self.page.locator(".small-card").all()]
