"""What is drawn inside one panel of a figure, and is what came in fit to be drawn?"""

import re

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure

from course_lib._svg import PALETTE, WIDEST, new_figure

__all__ = [
    "MAP_COLORS",
    "SIGNED_COLORS",
    "as_labels",
    "as_maps",
    "as_pictures",
    "cell_texts",
    "color_bar",
    "draw_overlay",
    "draw_picture",
    "draw_text",
    "fold_text",
    "matrix",
    "picture_grid",
    "refuse_nan",
]

_NEGATIVE, _POSITIVE = PALETTE[0], PALETTE[1]
SIGNED_COLORS = LinearSegmentedColormap.from_list("signed", [_NEGATIVE, "#ffffff", _POSITIVE])
MAP_COLORS = "cividis"  # made to look alike with and without a color deficiency


def as_pictures(images: np.ndarray) -> np.ndarray:
    """Return images as floats in 0..1, shape (images, height, width, 3)."""
    images = np.asarray(images)
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or images.size == 0:
        raise ValueError(
            "images must have shape (images, height, width), (..., 1) or (..., 3), "
            f"but the shape is {images.shape}. For a single image give image[None]."
        )
    if images.dtype == np.uint8:
        images = images / 255.0
    images = images.astype(np.float64)
    if not (np.isfinite(images).all() and images.min() >= 0 and images.max() <= 1):
        raise ValueError(
            "images must be uint8, or floats from 0 to 1, but they lie in "
            f"{images.min():.4g}..{images.max():.4g}. Scale them, or draw them with heat_maps."
        )
    return np.broadcast_to(images, (*images.shape[:3], 3))


def as_maps(maps: np.ndarray) -> np.ndarray:
    """Return maps as floats of shape (maps, height, width)."""
    maps = np.asarray(maps, np.float64)
    if maps.ndim == 4 and maps.shape[-1] == 1:
        maps = maps[..., 0]
    if maps.ndim != 3 or maps.size == 0:
        raise ValueError(
            f"maps must have shape (maps, height, width), but the shape is {maps.shape}. "
            "For a single map give map[None]."
        )
    refuse_nan(maps, "maps")
    return maps


def as_labels(labels: object, count: int, name: str) -> list[str]:
    """Return one text for each of ``count`` things."""
    texts = [""] * count if labels is None else [str(label) for label in labels]
    if len(texts) != count:
        raise ValueError(f"{name} must have {count} entries, but it has {len(texts)}.")
    return texts


def refuse_nan(values: np.ndarray, name: str) -> None:
    """Raise if values are not all finite."""
    if not np.isfinite(values).all():
        raise ValueError(f"{name} must be finite, but there are NaN or infinite values in it.")


def draw_picture(axes: Axes, picture: np.ndarray, title: str = "", **scale: object) -> object:
    """Draw one image or map, pixel by pixel, in a thin frame."""
    drawn = axes.imshow(picture, **scale)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_linewidth(0.5)
    if title:
        axes.set_title(title, loc="center", pad=3)
    return drawn


def draw_overlay(axes: Axes, picture: np.ndarray, heat: np.ndarray, strongest: float) -> None:
    """Draw a map over a gray image: the stronger the value, the less of the image shines through.

    Args:
        axes: the panel.
        picture: image, floats in 0..1, shape (height, width, 3).
        heat: map, shape (map height, map width); stretched over the image.
        strongest: the absolute value that covers the image most.
    """
    grey = np.repeat(picture @ np.array([0.299, 0.587, 0.114])[:, None], 3, axis=-1)
    extent = (-0.5, picture.shape[1] - 0.5, picture.shape[0] - 0.5, -0.5)
    strength = np.abs(heat) / strongest if strongest else np.zeros_like(heat)
    colors = np.where(heat[..., None] < 0, to_rgb(_NEGATIVE), to_rgb(_POSITIVE))
    axes.imshow(grey, extent=extent)
    axes.imshow(np.dstack([colors, 0.85 * np.clip(strength, 0, 1)]), extent=extent)


def fold_text(text: str, columns: int = 64) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Cut a text into lines of a width; return them, and each character's row and column.

    Lines end between words, but for a word that is longer than a line. A line end in the text is a
    character of its own, shown as an arrow, and ends its line.
    """
    lines, rows, places = [""], [], []
    for word in re.findall(r"\S+|\s", text):
        if lines[-1] and not word.isspace() and len(lines[-1]) + len(word) > columns:
            lines.append("")
        for character in word:
            if len(lines[-1]) > columns - (character not in " \n"):  # a space may hang over
                lines.append("")
            rows.append(len(lines) - 1)
            places.append(len(lines[-1]))
            lines[-1] += "\u21b5" if character == "\n" else character
            if character == "\n":
                lines.append("")
    return [line for line in lines if line], np.array(rows, int), np.array(places, int)


def draw_text(
    axes: Axes, folded: tuple[list[str], np.ndarray, np.ndarray], values: np.ndarray, cell: float
) -> None:
    """Write folded text on a ground that is orange where values are positive, blue where negative.

    Args:
        axes: the panel; one unit of its width is a character, one of its height a line.
        folded: what ``fold_text`` returned.
        values: a value from -1 to 1 for each character.
        cell: width of a character in inches.
    """
    lines, rows, places = folded
    ground = np.zeros((len(lines), max(map(len, lines)), 4))
    strength = np.clip(np.abs(values), 0, 1)[:, None]
    colors = np.where(values[:, None] < 0, to_rgb(_NEGATIVE), to_rgb(_POSITIVE))
    ground[rows, places] = np.concatenate([colors, 0.6 * strength], axis=-1)
    axes.imshow(ground, aspect="auto", extent=(0, ground.shape[1], len(lines), 0))
    advance = 0.602  # width of a character of DejaVu Sans Mono, in ems
    for row, line in enumerate(lines):
        axes.text(
            *(0, row + 0.5, line),
            family="DejaVu Sans Mono",
            fontsize=cell * 72 / advance,
            va="center_baseline",
            parse_math=False,
        )
    axes.set_axis_off()


def color_bar(figure: Figure, drawn: object, axes: object, label: str) -> None:
    """Add the scale of a map's colors to the right of panels."""
    bar = figure.colorbar(drawn, ax=axes, shrink=0.9, aspect=25, pad=0.02)
    bar.solids.set_rasterized(True)  # one small picture instead of 256 shapes
    bar.outline.set_linewidth(0.5)
    bar.set_label(label)


def cell_texts(axes: Axes, drawn: object, values: np.ndarray, texts: np.ndarray) -> None:
    """Write a text into each cell of a map, black or white, whichever reads better there."""
    colors = drawn.cmap(drawn.norm(values))[..., :3]
    light = _luminance(colors) > 0.18  # where black and white have the same contrast
    for (row, column), text in np.ndenumerate(texts):
        ink = "#000001" if light[row, column] else "#ffffff"
        axes.text(column, row, text, ha="center", va="center", fontsize=8.5, color=ink)


def _luminance(colors: np.ndarray) -> np.ndarray:
    """Return the relative luminance (WCAG 2) of sRGB colors in 0..1, shape (..., 3)."""
    linear = np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
    return linear @ np.array([0.2126, 0.7152, 0.0722])


def picture_grid(
    count: int, columns: int, shape: tuple[int, int], titled: bool, beside: float = 0.0
) -> tuple[Figure, list[Axes]]:
    """Make a figure with one square panel for each of ``count`` pictures of a shape."""
    if not 1 <= columns <= 10:
        raise ValueError(f"columns must be from 1 to 10, but it is {columns}.")
    columns = min(columns, count)
    rows = -(-count // columns)
    side = min(1.25, (WIDEST - beside) / columns)
    height = side * shape[0] / shape[1] + (0.25 if titled else 0.05)
    drawn, axes = new_figure(rows, columns, max(2.0, side * columns + beside), height * rows)
    panels = list(axes.flat)
    for panel in panels[count:]:
        panel.remove()
    return drawn, panels[:count]


def matrix(
    values: np.ndarray, rows: list[str], columns: list[str], vmax: float
) -> tuple[Figure, object]:
    """Draw a matrix as colored cells with names along both sides."""
    width = min(WIDEST, 2.2 + 0.45 * len(columns))
    drawn, axes = new_figure(1, 1, width, min(7.0, 1.4 + 0.42 * len(rows)))
    panel = axes[0, 0]
    shown = panel.imshow(values, cmap=MAP_COLORS, vmin=0.0, vmax=vmax, aspect="auto")
    panel.set_xticks(range(len(columns)), columns, rotation=45, ha="right", rotation_mode="anchor")
    panel.set_yticks(range(len(rows)), rows)
    panel.tick_params(length=0)
    return drawn, shown
