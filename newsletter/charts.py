"""Charts as PNG pictures, for mail. Pure: numbers in, bytes out; the font comes with Pillow.

A picture is drawn on a light ground of its own, so it reads the same in dark mail programs. It is
WIDTH points wide and has twice as many pixels; its words are large enough for a phone's half.
"""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from PIL import Image, ImageDraw, ImageFont

WIDTH: Final = 600  # points; two pixels each in the file
_SCALE: Final = 2
_FINE: Final = 2  # drawn so many times larger, since Pillow's lines have steps

_GROUND, _INK, _SOFT, _GRID = "#ffffff", "#1f1d1a", "#57534e", "#e7e5e4"
OPEN, CLICK = "#6366f1", "#0d9488"
MACHINE = "#94a3b8"

_TEXT: Final = 18  # points: 11 on a phone that shows the picture at 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 22, 50, 40  # points around the plot
_LINES = 4  # of the grid, at most five
_BARS_UP_TO = 12  # points of a series; more are a line


@dataclass(frozen=True, slots=True)
class Series:
    """Numbers along one axis, and how they are shown."""

    name: str
    colour: str
    values: Sequence[int]


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of `bars`: a name, and parts that stand behind each other."""

    name: str
    parts: Sequence[tuple[str, int]]  # colour, number


def over_time(labels: Sequence[str], series: Sequence[Series], height: int = 300) -> bytes:
    """Draw series over time, each label at its point where there is room. Returns a PNG.

    All have as many numbers as there are labels, of which any may be empty.
    """
    sheet = _Sheet(height)
    sheet.legend([(each.name, each.colour) for each in series])
    top = _nice(max((max(each.values, default=0) for each in series), default=0))
    sheet.grid(top)
    sheet.labels(labels)
    for number, each in enumerate(series):
        if len(labels) <= _BARS_UP_TO:
            sheet.columns(each, top, number, len(series))
        else:
            sheet.line(each, top, is_filled=number == 0)
    return sheet.png()


def bars(rows: Sequence[Bar], legend: Sequence[tuple[str, str]]) -> bytes:
    """Draw rows of bars to one scale, each with its numbers behind it. Returns a PNG."""
    step = 64
    sheet = _Sheet(_TOP + step * len(rows) + 14)
    sheet.legend(legend)
    longest = max((sum(number for _, number in row.parts) for row in rows), default=0) or 1
    left, right = 16, WIDTH - 210
    for place, row in enumerate(rows):
        y = _TOP + place * step + 6
        sheet.words(left, y, row.name, _INK)
        x = float(left)
        for colour, number in row.parts:
            end = x + (right - left) * number / longest
            sheet.box(x, y + 27, end, y + 47, colour)
            x = end
        sheet.words(x + 10, y + 26, " + ".join(f"{number:,}" for _, number in row.parts), _INK)
    return sheet.png()


class _Sheet:
    """A picture being drawn, in points."""

    def __init__(self, height: int) -> None:
        self.height = height
        self._factor = _SCALE * _FINE
        size = (WIDTH * self._factor, height * self._factor)
        self._image = Image.new("RGB", size, _GROUND)
        self._draw = ImageDraw.Draw(self._image, "RGBA")

    def png(self) -> bytes:
        size = (WIDTH * _SCALE, self.height * _SCALE)
        small = self._image.resize(size, Image.Resampling.LANCZOS)
        file = io.BytesIO()
        # Few colours: a quarter of the bytes, in a mail that people carry about.
        small.quantize(128, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
        return file.getvalue()

    def words(self, x: float, y: float, text: str, colour: str, anchor: str = "la") -> None:
        at = (x * self._factor, y * self._factor)
        self._draw.text(at, text, fill=colour, font=_font(_TEXT * self._factor), anchor=anchor)

    def width(self, text: str) -> float:
        return _font(_TEXT * self._factor).getlength(text) / self._factor

    def box(self, left: float, top: float, right: float, bottom: float, colour: str) -> None:
        if right - left < 0.25:
            return
        corners = [each * self._factor for each in (left, top, right, bottom)]
        self._draw.rectangle(corners, fill=colour)

    def legend(self, entries: Sequence[tuple[str, str]]) -> None:
        x = 16.0
        for name, colour in entries:
            self.box(x, 15, x + 16, 31, colour)
            self.words(x + 23, 13, name, _INK)
            x += 23 + self.width(name) + 24

    def grid(self, top: int) -> None:
        step = _step(top)
        for value in range(0, top + 1, step):
            y = self._y(value, top)
            self._stroke([(_LEFT, y), (WIDTH - _RIGHT, y)], _GRID, 1)
            self.words(_LEFT - 8, y, _short(value), _SOFT, "rm")

    def labels(self, labels: Sequence[str]) -> None:
        last = -math.inf
        for number, label in enumerate(labels):
            if not label:
                continue
            x, half = self._x(number, len(labels)), self.width(label) / 2
            x = min(max(x, half + 4), WIDTH - half - 4)
            if x - half < last + 24:
                continue
            self.words(x, self.height - _BOTTOM + 10, label, _SOFT, "ma")
            last = x + half

    def columns(self, series: Series, top: int, number: int, of: int) -> None:
        room = (WIDTH - _LEFT - _RIGHT) / max(len(series.values), 1)
        width = min(room * 0.8 / of, 44.0)
        for place, value in enumerate(series.values):
            left = self._x(place, len(series.values)) + (number - of / 2) * width
            bottom = self._y(0, top)
            if value:
                self.box(left, self._y(value, top), left + width - 2, bottom, series.colour)

    def line(self, series: Series, top: int, *, is_filled: bool) -> None:
        points = [
            (self._x(number, len(series.values)), self._y(value, top))
            for number, value in enumerate(series.values)
        ]
        if is_filled:
            ground = self._y(0, top)
            outline = [(points[0][0], ground), *points, (points[-1][0], ground)]
            scaled = [(x * self._factor, y * self._factor) for x, y in outline]
            self._draw.polygon(scaled, fill=f"{series.colour}28")
        self._stroke(points, series.colour, 3)

    def _stroke(self, points: Sequence[tuple[float, float]], colour: str, width: int) -> None:
        scaled = [(x * self._factor, y * self._factor) for x, y in points]
        self._draw.line(scaled, fill=colour, width=width * self._factor, joint="curve")

    def _x(self, number: int, count: int) -> float:
        room = WIDTH - _LEFT - _RIGHT
        if count <= _BARS_UP_TO:
            return _LEFT + room * (number + 0.5) / count
        return _LEFT + room * number / (count - 1)

    def _y(self, value: int, top: int) -> float:
        ground = self.height - _BOTTOM
        return ground - (ground - _TOP) * value / top


@lru_cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _step(top: int) -> int:
    """Return the distance between lines of the grid: 1, 2 or 5 times a power of ten."""
    wanted = max(top / _LINES, 1)
    power = int(10 ** math.floor(math.log10(wanted)))
    steps = [power, 2 * power, 5 * power, 10 * power]
    return next(step for step in steps if step >= wanted)


def _nice(highest: int) -> int:
    """Return where the axis ends: the next line of the grid at or above `highest`."""
    step = _step(max(highest, _LINES))
    return step * max(math.ceil(highest / step), 1) if highest else _LINES


def _short(value: int) -> str:
    """Return a number for an axis: 1500 is 1.5k."""
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return str(value)
