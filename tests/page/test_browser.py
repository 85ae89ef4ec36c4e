"""The page in a real browser: what it loads, sorting, filters, tooltips, themes, a phone, paper.

Needs Playwright for Python, whose wheel brings its driver, and a Chromium or Chrome of the system:
no browser is downloaded. On Debian::

    apt-get install chromium && python -m pip install -c constraints.txt playwright
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mncost.interval import Interval
from mncost.page.html import Figure, Page, Section, render
from mncost.render.column import Column, Value
from mncost.render.table import Table
from mncost.render.units import with_interval
from tests.running import Result

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator
    from playwright.sync_api import Page as Tab

Cli = Callable[..., Result]

pytestmark = pytest.mark.browser

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_HOW = "apt-get install chromium && python -m pip install -c constraints.txt playwright"
# Text, numbers with intervals, counts; some are equal, some are missing.
ROWS: list[list[Value]] = [
    ["beta", Interval(9.21, 8.91, 9.51), 300_000_000],
    ["alpha", Interval(10.43, 9.33, 11.53), 41_000_000],
    ["Gamma", "too few runs", None],
    ["alpha", Interval(0.937, 0.917, 0.957), 5_000_000_000],
    [None, Interval(9.19, 7.19, 11.19), 300_000_000],
    ["net-10", Interval(9.123, 9.023, 9.223), 7],
    ["net-9", None, 0],
]
HEADS = ["name", "latency ms", "MACs"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if program is None:
        pytest.skip(f"needs Chromium or Chrome on PATH: {_HOW}")
    pytest.importorskip("playwright.sync_api", reason=f"needs playwright: {_HOW}")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Callable[..., Tab]]:
    """Return what opens a page; whatever it loads or complains about fails the test."""
    loaded: list[str] = []
    complaints: list[str] = []
    contexts = []

    def open_(html: str, **options: Any) -> Tab:
        file = tmp_path / "page.html"
        file.write_text(html, "utf-8")
        context = browser.new_context(**options)
        contexts.append(context)
        context.on("request", lambda request: loaded.append(request.url))
        context.on("console", lambda said: complaints.append(f"{said.type}: {said.text}"))
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        tab = context.new_page()
        tab.goto(file.as_uri())
        assert loaded == [file.as_uri()]
        return tab

    yield open_
    for context in contexts:
        context.close()
    assert len(loaded) == len(contexts), f"more than the page itself was asked for: {loaded}"
    assert complaints == []


def sample(rows: list[list[Value]] = ROWS) -> str:
    """Return a page with one table."""
    kinds = (
        Column("name", "name"),
        Column("ms", "latency ms", "number"),
        Column("m", "MACs", "count"),
    )
    return render(Page("T", [], [Section("s", "S", tables=[Table("t", kinds, rows)])], "x"))


# The first two cells of each row, which tell it from the others.
SAID = [
    (row[0] or "", with_interval(row[1]) if isinstance(row[1], Interval) else row[1] or "–")
    for row in ROWS
]
_CELLS = "rows => rows.map(row => [row.cells[0].innerText, row.cells[1].innerText])"


def order(tab: Tab, which: str = "tbody tr") -> list[int]:
    """Return which of the rows are where."""
    return [SAID.index(tuple(found)) for found in tab.locator(which).evaluate_all(_CELLS)]


def key_of(column: int) -> Callable[[int], Any]:
    """Return what Python sorts the rows by."""

    def key(index: int) -> Any:
        value = ROWS[index][column]
        if column == 0:
            return [int(w) if w.isdigit() else w for w in re.split(r"(\d+)", str(value).lower())]
        return value.center if isinstance(value, Interval) else value

    return key


def header(tab: Tab, title: str) -> Locator:
    return tab.get_by_role("button", name=title)


def sorted_by(column: int, start: list[int], *, reverse: bool) -> list[int]:
    """Sort stably, what has no value last: as the page has to."""
    has_none = {i for i in start if ROWS[i][column] is None or ROWS[i][column] == "too few runs"}
    known = [i for i in start if i not in has_none]
    if reverse:  # Python keeps the order of equal ones then too
        known.sort(key=key_of(column), reverse=True)
    else:
        known.sort(key=key_of(column))
    return known + [i for i in start if i in has_none]


def test_the_order_of_every_column_is_that_of_python(opened: Callable[..., Tab]) -> None:
    tab = opened(sample())
    expected = list(range(len(ROWS)))
    assert order(tab) == expected
    for column in (1, 0, 2, 1):
        for direction in ("ascending", "descending", "ascending"):
            header(tab, HEADS[column]).click()
            expected = sorted_by(column, expected, reverse=direction == "descending")
            assert order(tab) == expected, (HEADS[column], direction)
            states = [cell.get_attribute("aria-sort") for cell in tab.locator("thead th").all()]
            assert states == [direction if i == column else "none" for i in range(len(HEADS))]


def test_a_table_is_sorted_by_the_keyboard(opened: Callable[..., Tab]) -> None:
    tab = opened(sample())
    header(tab, "latency").focus()
    tab.keyboard.press("Enter")
    assert order(tab) == sorted_by(1, list(range(len(ROWS))), reverse=False)
    tab.keyboard.press("Space")
    assert tab.locator("thead th").nth(1).get_attribute("aria-sort") == "descending"
    tab.keyboard.press("Shift+Tab")
    assert tab.evaluate("document.activeElement.innerText").strip() == "name"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("", [0, 1, 2, 3, 4, 5, 6]),
        ("ALPHA", [1, 3]),
        ("alpha 0.937", [3]),
        ("  9.2   300 ", [0, 4]),
        ("±", [0, 1, 3, 4, 5]),
        ("too few", [2]),
        (".*", []),
        ("<script>", []),
    ],
)
def test_a_filter_keeps_the_rows_that_have_all_words(
    opened: Callable[..., Tab], text: str, left: list[int]
) -> None:
    tab = opened(sample())
    tab.get_by_label("Filter").fill(text)
    assert order(tab, "tbody tr:visible") == left
    assert tab.locator("output").inner_text() == f"{len(left)} of {len(ROWS)} rows"


def test_a_filter_outlives_sorting(opened: Callable[..., Tab]) -> None:
    tab = opened(sample())
    tab.get_by_label("Filter").fill("alpha")
    header(tab, "latency").click()
    texts = [row.inner_text().split()[1] for row in tab.locator("tbody tr:visible").all()]
    assert texts == ["0.937", "10.4"]


def test_many_rows_are_sorted(opened: Callable[..., Tab]) -> None:
    rows: list[list[Value]] = [
        [f"n{(i * 7919) % 1000}", float((i * 31) % 17), i] for i in range(1000)
    ]
    tab = opened(sample(rows))
    header(tab, "latency").click()
    header(tab, "MACs").click()
    header(tab, "latency").click()
    names = tab.evaluate(
        "[...document.querySelectorAll('tbody tr')].map(r => r.cells[0].innerText)"
    )
    assert names == [row[0] for row in sorted(rows, key=lambda row: (row[1], row[2]))]


# ------------------------------------------------------------------------------ a page of a run


@pytest.fixture
def html(run_cli: Cli, run_file: str) -> str:
    result = run_cli(["report", run_file, "--title", "A report"])
    assert result.status == 0
    return result.out


def names_of(tab: Tab) -> list[str]:
    """Return what the points of the first picture are, from left to right."""
    return tab.evaluate(  # type: ignore[no-any-return]
        """[...document.querySelector(".plot").querySelectorAll(".point")]
        .sort((a, b) => a.getBoundingClientRect().x - b.getBoundingClientRect().x)
        .map(point => point.getAttribute("aria-label"))"""
    )


def test_a_tooltip_follows_the_pointer(opened: Callable[..., Tab], html: str) -> None:
    tab = opened(html)
    tip = tab.get_by_role("tooltip")
    assert not tip.is_visible()
    for name in ("v3-small α 0.35 at 224 px", "v2 α 1 at 224 px, standard twin"):
        point = tab.locator(".plot").first.locator(f'[aria-label^="{name}\\a"]')
        point.scroll_into_view_if_needed()
        box = point.bounding_box()
        assert box
        tab.mouse.move(box["x"] + box["width"] / 2 + 3, box["y"] + box["height"] / 2)
        lines = tip.inner_text().splitlines()
        assert lines[0] == name
        assert re.fullmatch(r"latency [\d.,]+ ±[\d.]+ (ms|µs)", lines[1])
        assert lines[2].endswith(" M MACs")
        shown = tip.bounding_box()
        assert shown
        assert 0 <= shown["x"] <= 1280 - shown["width"]
    tab.mouse.move(5, 5)
    assert not tip.is_visible()


def test_the_points_of_a_picture_are_one_stop_of_the_tab_key(
    opened: Callable[..., Tab], html: str
) -> None:
    tab = opened(html)
    names = names_of(tab)
    assert len(names) == 16
    tip = tab.get_by_role("tooltip")
    tab.locator(".plot").first.locator('.point[tabindex="0"]').focus()
    assert tip.inner_text() == names[0]
    for name in names[1:4]:
        tab.keyboard.press("ArrowRight")
        assert tip.inner_text() == name
    tab.keyboard.press("ArrowLeft")
    assert tip.inner_text() == names[2]
    tab.keyboard.press("Escape")
    assert not tip.is_visible()
    tab.keyboard.press("Tab")
    where = "document.activeElement.closest('svg') === document.querySelector('svg')"
    assert tab.evaluate(where) is False


def test_a_tap_shows_a_tooltip(opened: Callable[..., Tab], html: str) -> None:
    tab = opened(html, viewport={"width": 360, "height": 740}, has_touch=True)
    point = tab.locator(".plot").first.locator(".point").nth(2)
    point.scroll_into_view_if_needed()
    box = point.bounding_box()
    assert box
    tab.touchscreen.tap(box["x"] + 6, box["y"] + 6)
    tip = tab.get_by_role("tooltip")
    assert "latency" in tip.inner_text()
    shown = tip.bounding_box()
    assert shown
    assert shown["x"] >= 0
    assert shown["x"] + shown["width"] <= 360


def theme_of(tab: Tab) -> tuple[bool, bool]:
    """Return whether the page is dark, and whether its words are light."""
    colours = tab.evaluate(
        "['backgroundColor', 'color'].map(name => getComputedStyle(document.body)[name])"
    )
    back, ink = (sum(map(int, re.findall(r"\d+", colour)[:3])) / 3 for colour in colours)
    return back < 60, ink > 200


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_theme_is_that_of_the_system_until_the_button_changes_it(
    opened: Callable[..., Tab], html: str, scheme: str
) -> None:
    tab = opened(html, color_scheme=scheme)
    is_dark = scheme == "dark"
    assert theme_of(tab) == (is_dark, is_dark)
    tab.get_by_role("button", name="Light" if is_dark else "Dark", exact=True).click()
    assert theme_of(tab) == (not is_dark, not is_dark)
    text = tab.locator(".plot text").first
    ink = tab.evaluate("getComputedStyle(document.body).color")
    assert text.evaluate("text => getComputedStyle(text).fill") == ink
    tab.get_by_role("button", name="Dark" if is_dark else "Light", exact=True).click()
    assert theme_of(tab) == (is_dark, is_dark)
    tab.get_by_role("button", name="Light" if is_dark else "Dark", exact=True).click()
    tab.emulate_media(media="print")
    assert theme_of(tab) == (False, False), "paper is white"


def test_nothing_scrolls_sideways_on_a_phone_but_tables_and_pictures(
    opened: Callable[..., Tab], html: str
) -> None:
    tab = opened(html, viewport={"width": 360, "height": 740})
    width = "document.scrollingElement.scrollWidth"
    assert tab.evaluate(width) == 360
    boxes = tab.evaluate(
        "[...document.querySelectorAll('.scroll')].map(b => [b.clientWidth, b.scrollWidth])"
    )
    assert all(own <= 360 for own, _ in boxes)
    assert any(inner > own for own, inner in boxes)
    cut = tab.evaluate(
        """[...document.querySelectorAll("h1, h2, h3, p, dd, dt, input, button")]
        .filter(e => !e.closest(".scroll") && e.getBoundingClientRect().right > 360)
        .map(e => e.innerText)"""
    )
    assert cut == []


def test_titles_stay_in_sight_while_a_table_scrolls(opened: Callable[..., Tab]) -> None:
    rows: list[list[Value]] = [[f"n{i}", float(i), i] for i in range(200)]
    tab = opened(sample(rows))
    tab.locator(".data .scroll").evaluate("box => box.scrollTo(0, 2000)")
    head, box = tab.locator("thead th").first.bounding_box(), tab.locator(".scroll").bounding_box()
    assert head
    assert box
    assert head["y"] == pytest.approx(box["y"], abs=1)


def test_on_a_phone_the_network_stays_in_view_and_its_latency_is_second(
    opened: Callable[..., Tab], html: str
) -> None:
    tab = opened(html, viewport={"width": 390, "height": 800})
    heads = tab.locator("#latency thead th")
    box = heads.nth(1).bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= 390
    scroll = tab.locator("#latency .scroll").last
    scroll.evaluate("box => { box.scrollLeft = box.scrollWidth; }")
    first, left = heads.first.bounding_box(), scroll.bounding_box()
    assert first is not None
    assert left is not None
    assert abs(first["x"] - left["x"]) < 2
    assert not tab.evaluate("document.documentElement.scrollWidth > innerWidth")


def test_on_paper_all_rows_are_there_and_no_controls(
    opened: Callable[..., Tab], html: str, tmp_path: Path
) -> None:
    tab = opened(html, color_scheme="dark")
    tab.get_by_label("Filter").first.fill("nothing like it")
    assert tab.locator("#latency tbody tr:visible").count() == 0
    tab.emulate_media(media="print")
    assert tab.locator("#latency tbody tr:visible").count() == 8
    assert tab.locator("input:visible, button:visible, nav:visible").count() == 0
    titles = tab.locator("#latency thead th").all_inner_texts()
    assert [title.split() for title in titles][:2] == [["network"], ["latency", "ms"]]
    assert tab.pdf(format="A4").startswith(b"%PDF")


def test_an_architecture_named_script_is_a_name(
    opened: Callable[..., Tab], run_cli: Cli, run_file: str
) -> None:
    name = "<script>document.title = 'owned'</script><img src=x onerror=alert(1)>"
    document = json.loads(Path(run_file).read_text("utf-8"))
    for label in (cell["subject"]["label"] for cell in document["cells"]):
        label["arch"] = name if label["arch"] == "v2" else label["arch"]
    Path(run_file).write_text(json.dumps(document), "utf-8")
    tab = opened(run_cli(["report", run_file, "--title", "</title><script>1</script>"]).out)
    assert tab.title() == "</title><script>1</script>"
    assert tab.locator("#latency tbody tr").first.locator("td").first.inner_text() == (
        f"{name} 0.35 @224"
    )
    assert tab.locator("script").count() == 1
    assert tab.locator("img").count() == 0
    tab.locator(".plot").first.locator('.point[tabindex="0"]').focus()
    points = [text for text in names_of(tab) if text.startswith(name)]
    assert len(points) == 8


def test_the_page_can_be_read_without_scripts(opened: Callable[..., Tab], html: str) -> None:
    tab = opened(html, java_script_enabled=False)
    assert tab.locator("#latency tbody tr:visible").count() == 8
    assert tab.locator("#theme:visible, .filter:visible, th button").count() == 0
    assert tab.locator(".plot:visible").count() == 2
    assert tab.locator(".point title").count() == 24


def test_what_a_picture_smuggles_in_is_not_run(browser: Browser, tmp_path: Path) -> None:
    """The policy of the page is the second wall, should a string ever get past the first."""
    svg = '<svg class="plot"><script>document.title = "owned"</script></svg>'
    html = render(Page("T", [], [Section("s", "S", figures=[Figure("F", svg)])], "x"))
    without = re.sub(r"<meta http-equiv.*?>", "", html)
    tab = browser.new_page()
    for text, title in ((html, "T"), (without, "owned")):
        file = tmp_path / "page.html"
        file.write_text(text, "utf-8")
        tab.goto(file.as_uri())
        assert tab.title() == title
    tab.close()
