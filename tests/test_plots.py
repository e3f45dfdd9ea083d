"""Figures: valid, described, readable on light and dark pages, several to a page, and small."""

import base64
import html
import io
import re
import xml.etree.ElementTree as ET

import keras
import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from course_lib import plots
from course_lib._lines import count_whole, draw_legend, write_plainly
from course_lib._panels import fold_text
from course_lib._svg import INK

LIGHT, DARK = "#ffffff", "#14181e"


@pytest.fixture
def shown(monkeypatch) -> list:
    """The figures shown: (plain text, HTML)."""
    found = []
    monkeypatch.setattr(
        plots, "publish", lambda plain, **bundle: found.append((plain, bundle["text/html"]))
    )
    return found


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).random(shape)


def label(page: str) -> str:
    return html.unescape(re.search(r'aria-label="([^"]*)"', page)[1])


def pictures(page: str) -> list[np.ndarray]:
    """The raster pictures embedded in a figure, top row first as the reader sees them."""
    found = re.findall(r'href="data:image/png;base64,\s*([^"]+)"', page)
    decoded = (Image.open(io.BytesIO(base64.b64decode(data))) for data in found)
    return [np.asarray(picture.convert("RGBA")) for picture in decoded]


def draw_all() -> None:
    """One figure of each kind."""
    x = [1.0, 10.0, 100.0]
    plots.curves(
        x,
        {"a": random(3), "b": random(4, 3)},
        xlabel="x",
        ylabel="y",
        description="Curves",
        log_x=True,
        log_y=True,
    )
    plots.training_curves({"a": {"accuracy": [0.1, 0.2], "val_accuracy": [0.1, 0.3]}})
    plots.bars({"a": 1.0, "b": [1.0, 2.0]}, xlabel="share", description="Bars")
    plots.text_maps("To be,\nor not", random(2, 13) - 0.5, ["one", "two"], description="Text")
    plots.image_grid(random(3, 4, 4), ["p", "q", "r"], description="Images")
    plots.heat_maps(random(2, 8, 8, 3), random(2, 4, 4) - 0.5, description="Maps over images")
    plots.heat_maps(None, random(2, 4, 4), description="Maps")
    plots.attention_map(np.eye(3), "abc", "xyz", description="Attention")
    plots.confusion_matrix(np.array([0, 1, 1]), np.array([0, 1, 0]), ["cat", "dog"])
    figure, axes = plots.figure(1, 2)
    axes[0, 0].plot([1, 2], [3, 4])
    axes[0, 1].text(0.5, 0.5, "words")
    plots.show(figure, "A figure of your own")


def luminance(color: str) -> float:
    """Relative luminance, WCAG 2.2."""
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def contrast(first: str, second: str) -> float:
    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("color", plots.PALETTE)
@pytest.mark.parametrize("page", [LIGHT, DARK])
def test_every_data_color_reads_on_light_and_dark_pages(color, page):
    assert contrast(color, page) >= 3


def test_the_contrast_of_this_test_is_wcag_s():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_color_is_never_the_only_cue():
    count = len(plots.PALETTE)
    assert len(set(plots.MARKERS)) == len(set(plots.STROKES)) == len(set(plots.PALETTE)) == count


def test_every_figure_is_well_formed_and_described(shown):
    draw_all()
    assert len(shown) == 10
    for plain, page in shown:
        tree = ET.fromstring(page.replace("xlink:href", "href"))
        assert tree.tag == "figure"
        svg = tree[0]
        assert svg.get("role") == "img"
        assert svg.get("viewBox")
        assert "max-width: 100%" in svg.get("style")
        assert plain.startswith("Figure: ")
        assert svg.get("aria-label").startswith(plain.removeprefix("Figure: "))


def test_ink_takes_the_color_of_the_page(shown):
    draw_all()
    for plain, page in shown:
        assert "currentColor" in page, plain
        assert INK not in page, plain
        assert not re.search(
            r"(fill|stroke): #(000000|ffffff)(?![^<]*href)", page.split("<image")[0]
        )


@pytest.mark.browser
def test_nothing_is_darker_than_a_dark_page(shown, browser):
    # A shape without a fill of its own is black, which a dark page swallows.
    draw_all()
    with_black = "Images|over images|Attention|Confusion"  # photos, and words on bright cells
    others = [page for plain, page in shown if not re.search(with_black, plain)]
    body = f"<body style='background: {DARK}; color: #ced6dd'>" + "".join(others)
    page = browser.new_page()
    page.set_content(body)
    screenshot = page.screenshot(full_page=True)
    page.close()
    pixels = np.asarray(Image.open(io.BytesIO(screenshot)).convert("RGB")).astype(int).sum(axis=-1)
    background = sum(bytes.fromhex(DARK[1:]))
    assert pixels.max() > 3 * 150  # there is ink
    assert pixels.min() >= background - 6


def test_text_drawn_outside_the_style_is_ink_too(shown):
    figure, axes = plots.figure()
    axes[0, 0].set_title("title")
    axes[0, 0].annotate("note", (0.5, 0.5))
    axes[0, 0].axhline(0.5, color="black")
    axes[0, 0].legend([], title="legend")
    plots.show(figure, "Drawn outside the style")
    page = shown[0][1]
    groups = re.findall(r'<g style="fill: ([^";]+)', page) + re.findall(r"stroke: ([^\";]+)", page)
    assert groups
    assert not {"#000000", "black"} & set(groups)


def test_ids_are_unique_over_many_figures(shown):
    for _ in range(2):
        draw_all()
    page = "".join(page for _, page in shown)
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', page))
    assert used == set(ids)


def test_the_same_data_give_the_same_figure(shown):
    for _ in range(2):
        plots.bars({"a": 1.0}, xlabel="share", description="Bars")
    first, second = (re.sub(r"f[0-9a-f]{8}-\d+-", "", page) for _, page in shown)
    assert first == second


def test_no_date_and_no_outside_address(shown):
    draw_all()
    for _, page in shown:
        assert "<metadata" not in page
        assert "http" not in page


def test_labels_are_escaped(shown):
    plots.bars({'a < "b" & c': 1.0}, xlabel="share", description='Is 1 < 2 & "so"?')
    plain, page = shown[0]
    ET.fromstring(page.replace("xlink:href", "href"))
    assert plain == 'Figure: Is 1 < 2 & "so"?'
    assert label(page) == 'Is 1 < 2 & "so"? a < "b" & c: 1.'


def test_pyplot_is_left_alone(shown):
    before = dict(mpl.rcParams)
    draw_all()
    assert dict(mpl.rcParams) == before
    import sys

    if "matplotlib.pyplot" in sys.modules:
        assert sys.modules["matplotlib.pyplot"].get_fignums() == []


def test_a_shown_figure_is_empty(shown):
    figure, _ = plots.figure()
    plots.show(figure, "Nothing")
    assert figure.axes == []


def test_a_grid_of_photos_stays_small(shown):
    photos = np.random.default_rng(0).integers(0, 256, (25, 32, 32, 3)).astype(np.uint8)
    plots.image_grid(photos, description="Noise, which compresses worst")
    assert len(shown[0][1]) < 200_000


def test_pictures_are_embedded_pixel_by_pixel(shown):
    photos = np.random.default_rng(0).integers(0, 256, (2, 5, 7, 3)).astype(np.uint8)
    plots.image_grid(photos, description="Two photos")
    found = pictures(shown[0][1])
    assert len(found) == 2
    for embedded, photo in zip(found, photos, strict=True):
        assert embedded.shape == (5, 7, 4)
        same = [np.array_equal(embedded[..., :3], p) for p in (photo, photo[::-1])]
        assert any(same)
    assert "image-rendering" in shown[0][1]


@pytest.mark.parametrize(
    "images",
    [
        random(3, 4, 5),
        random(3, 4, 5, 1),
        random(3, 4, 5, 3).astype("float32"),
        np.zeros((3, 4, 5), np.uint8),
        np.ones((3, 4, 5), bool).astype(np.float16),
    ],
)
def test_image_shapes(shown, images):
    plots.image_grid(images, ["a", "b", "c"], description="Three")
    assert label(shown[0][1]) == "Three. 3 images: a; b; c."


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (random(4, 5), r"shape is \(4, 5\).*image\[None\]"),
        (random(2, 4, 5, 2), r"\(2, 4, 5, 2\)"),
        (random(0, 4, 5), "images must have shape"),
        (random(2, 4, 5) - 0.5, "floats from 0 to 1"),
        (random(2, 4, 5) * 255, "floats from 0 to 1"),
        (np.full((2, 4, 5), np.nan), "floats from 0 to 1"),
    ],
)
def test_images_of_another_form(images, message):
    with pytest.raises(ValueError, match=message):
        plots.image_grid(images, description="Images")


@pytest.mark.parametrize("columns", [0, 11])
def test_too_few_or_many_columns(columns):
    with pytest.raises(ValueError, match="columns must be a whole number from 1 to 10"):
        plots.image_grid(random(2, 4, 4), columns=columns, description="Images")


def test_labels_are_texts():
    with pytest.raises(ValueError, match="titles must be a string or a list whose items are each"):
        plots.image_grid(random(2, 4, 4), ["a", 3], description="Images")
    with pytest.raises(ValueError, match="values must be a dictionary .* each key a string"):
        plots.bars({1: 2.0}, xlabel="x", description="Bars")


def test_titles_must_be_as_many(shown):
    with pytest.raises(ValueError, match="titles must have 2 entries, but it has 1"):
        plots.image_grid(random(2, 4, 4), ["a"], description="Images")


@pytest.mark.parametrize("labels", ["abc", ["a line with a long name"] * 4, ["short"] * 6])
def test_a_legend_of_many_lines_hides_none_and_fits_the_figure(labels):
    drawn, axes = plots.figure()
    for label in labels:
        axes[0, 0].plot([0, 1], [0, 1], label=label)
    draw_legend(axes[0, 0])
    drawn.draw_without_rendering()
    legend, panel = drawn.legends[0].get_window_extent(), axes[0, 0].get_window_extent()
    assert legend.y0 >= panel.y1
    assert 0 <= legend.x0 <= legend.x1 <= drawn.bbox.x1


def test_a_legend_of_two_lines_stands_in_the_panel():
    drawn, axes = plots.figure()
    for label in "ab":
        axes[0, 0].plot([0, 1], [0, 1], label=label)
    draw_legend(axes[0, 0])
    assert not drawn.legends
    assert axes[0, 0].get_legend() is not None


def test_curves_say_what_the_data_say(shown):
    x = [100, 1000, 10000]
    values = {"CNN": [0.71, 0.8, 0.88], "dense": [[0.5, 0.9, 0.6], [0.7, 0.9, 0.8]]}
    plots.curves(x, values, xlabel="images", ylabel="accuracy", description="Learning curves")
    assert label(shown[0][1]) == (
        "Learning curves. CNN: 0.71 at 100 to 0.88 at 10000. "
        "dense: 0.6 at 100 to 0.7 at 10000, highest 0.9 at 1000, mean of 2 runs."
    )


@pytest.mark.parametrize(
    ("x", "series", "message"),
    [
        ([1, 2], {"a": [1, 2, 3]}, r"series\['a'\] must have shape \(2,\)"),
        ([1, 2], {"a": np.ones((2, 2, 2))}, r"series\['a'\]"),
        ([1, 2], {"a": [1, np.nan]}, "finite"),
        ([1, np.inf], {"a": [1, 2]}, "x must be an array of finite numbers"),
        ([1, 2], {}, "series must have 1 to 6 labels"),
        ([1, 2], {str(i): [1, 2] for i in range(7)}, "split the figure"),
    ],
)
def test_curves_refuse(x, series, message):
    with pytest.raises(ValueError, match=message):
        plots.curves(x, series, xlabel="x", ylabel="y", description="Curves")


def test_training_curves_take_keras_histories(shown):
    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    runs = [
        model.fit(random(8, 2), random(8, 1), epochs=3, verbose=0, validation_split=0.5)
        for _ in range(2)
    ]
    plots.training_curves({"linear": runs}, metric="loss")
    plain, page = shown[0]
    assert plain == "Figure: Loss by epoch of training: linear."
    assert "linear, validation: " in label(page)
    assert "mean of 2 runs" in label(page)


@pytest.mark.parametrize(
    ("history", "message"),
    [
        ({"loss": [1.0]}, "metric 'accuracy' is not in every history of 'a'. Known: loss"),
        ([{"accuracy": [1.0]}, {"accuracy": [1.0, 2.0]}], "equally long"),
        ([{"accuracy": [1.0]}, {"loss": [1.0]}], "not in every history"),
        ({"accuracy": [np.nan]}, "finite"),
    ],
)
def test_training_curves_refuse(history, message):
    with pytest.raises(ValueError, match=message):
        plots.training_curves({"a": history})


def test_bars_describe_mean_and_spread(shown):
    plots.bars({"one": 0.5, "many": [1.0, 2.0, 3.0]}, xlabel="loss", description="Losses")
    assert label(shown[0][1]) == ("Losses. one: 0.5. many: 2 (standard deviation 1 over 3 runs).")


@pytest.mark.parametrize("values", [{}, {"a": np.nan}, {"a": []}])
def test_bars_refuse(values):
    with pytest.raises(ValueError, match=r"values"):
        plots.bars(values, xlabel="x", description="Bars")


def test_heat_maps_describe_range_and_peak(shown):
    maps = np.zeros((2, 3, 4))
    maps[0, 1, 2], maps[1, 0, 3] = 2.0, -4.0
    plots.heat_maps(None, maps, ["up", "down"], description="Two maps")
    assert label(shown[0][1]) == (
        "Two maps. 2 maps with values from -4 to 2. up: strongest at row 1, column 2. "
        "down: strongest at row 0, column 3."
    )


def test_heat_over_an_image_covers_where_it_is_strong(shown):
    heat = np.array([[[4.0, 0.0], [0.0, -4.0]]])
    plots.heat_maps(random(1, 6, 6), heat, description="One map")
    overlay = next(p for p in pictures(shown[0][1]) if p.shape[:2] == (2, 2))
    strong = overlay[overlay[..., 3] > 200][:, :3]
    found = {"#" + bytes(color).hex() for color in strong}
    assert found == {plots.PALETTE[0], plots.PALETTE[1]}
    assert (overlay[..., 3] == 0).sum() == 2


def test_a_map_of_zeros_is_drawn(shown):
    plots.heat_maps(random(1, 4, 4), np.zeros((1, 2, 2)), description="Nothing found")
    plots.heat_maps(None, np.zeros((1, 2, 2)), description="Nothing there")
    assert len(shown) == 2


@pytest.mark.parametrize(
    ("images", "maps", "message"),
    [
        (random(2, 4, 4), random(3, 4, 4), "equally many, but they are 2 and 3"),
        (None, random(4, 4), r"maps must have shape .*\(4, 4\)"),
        (None, np.full((1, 2, 2), np.nan), "maps must be finite"),
    ],
)
def test_heat_maps_refuse(images, maps, message):
    with pytest.raises(ValueError, match=message):
        plots.heat_maps(images, maps, description="Maps")


def test_attention_says_where_each_row_looks(shown):
    weights = np.array([[0.9, 0.1, 0.0], [0.2, 0.3, 0.5]])
    plots.attention_map(weights, ["he", "it"], ["the", "cat", "sat"], description="Attention")
    assert label(shown[0][1]) == "Attention. Looks: he most at the (0.9); it most at sat (0.5)."


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (-np.eye(2), "must not be negative"),
        (np.full((2, 2), np.nan), "finite"),
        (np.ones((2, 3)), "column_labels must have 3 entries"),
        (np.ones((3, 2)), "row_labels must have 3 entries"),
        (np.ones(3), "shape"),
    ],
)
def test_attention_refuses(weights, message):
    with pytest.raises(ValueError, match=message):
        plots.attention_map(weights, ["a", "b"], ["c", "d"], description="Attention")


def test_text_is_colored_where_its_values_are(shown):
    text = "ab\n" + "c" * 70
    values = np.zeros((2, len(text)))
    values[0, [1, 2, 66]] = 2.0, -1.0, 1.0  # 'b', the line end, the last that fits a line of 64
    plots.text_maps(text, values, ["one", "two"], description="A text")
    plain, page = shown[0]
    first, second = pictures(page)
    assert first.shape[:2] == (3, 64)
    assert second[..., 3].max() == 0
    assert {(int(r), int(c)) for r, c in np.argwhere(first[..., 3])} == {(0, 1), (0, 2), (1, 63)}
    orange, blue = first[0, 1].astype(int), first[0, 2].astype(int)
    assert orange[0] > orange[2]
    assert blue[2] > blue[0]
    assert orange[3] > blue[3]  # twice as strong
    assert plain == "Figure: A text."
    assert "one: highest 2 after 'ab', lowest -1 after" in label(page)


@pytest.mark.parametrize(
    ("text", "values", "titles", "message"),
    [
        ("", np.zeros((1, 0)), None, "1 to 1,000 characters"),
        ("a" * 1001, np.zeros((1, 1001)), None, "1 to 1,000 characters"),
        ("abc", np.zeros((2, 4)), None, r"shape \(maps, 3\)"),
        ("abc", np.array([0, np.nan, 1]), None, "finite"),
        ("abc", np.zeros((2, 3)), ["one"], "titles"),
    ],
)
def test_text_maps_refuse(text, values, titles, message):
    with pytest.raises(ValueError, match=message):
        plots.text_maps(text, values, titles, description="A text")


def test_the_confusion_matrix_is_scikit_learn_s(shown, monkeypatch):
    from sklearn.metrics import confusion_matrix

    drawn = []
    cell_texts = plots._panels.cell_texts
    monkeypatch.setattr(
        plots._panels,
        "cell_texts",
        lambda axes, image, shares, texts: (
            drawn.append((shares, texts)),
            cell_texts(axes, image, shares, texts),
        ),
    )
    random_numbers = np.random.default_rng(0)
    labels, predictions = random_numbers.integers(0, 4, (2, 200))
    plots.confusion_matrix(labels, predictions, list("wxyz"))
    expected = confusion_matrix(labels, predictions)
    ((shares, texts),) = drawn
    np.testing.assert_array_equal(np.where(texts == "", "0", texts).astype(int), expected)
    np.testing.assert_allclose(shares, confusion_matrix(labels, predictions, normalize="true"))
    wrong = expected - np.diag(np.diag(expected))
    worst = np.unravel_index(wrong.argmax(), wrong.shape)
    text = label(shown[0][1])
    assert f"{np.trace(expected)} of 200 are right." in text
    assert f"{'wxyz'[worst[0]]} taken for {'wxyz'[worst[1]]}: {wrong.max()}." in text


def test_a_class_without_examples_is_drawn(shown):
    plots.confusion_matrix(np.array([0, 0]), np.array([0, 0]), ["a", "b"])
    assert "2 of 2 are right." in label(shown[0][1])


@pytest.mark.parametrize(
    ("labels", "predictions", "message"),
    [
        ([0, 1], [0], "one shape"),
        ([[0, 1]], [[0, 1]], "one shape"),
        ([], [], "one shape"),
        ([0, 2], [0, 1], r"whole numbers in 0\.\.1"),
        ([0, 1], [0, -1], r"whole numbers in 0\.\.1"),
        ([0.0, 1.0], [0.0, 1.0], "whole numbers"),
    ],
)
def test_confusion_matrix_refuses(labels, predictions, message):
    with pytest.raises(ValueError, match=message):
        plots.confusion_matrix(np.array(labels), np.array(predictions), ["a", "b"])


@pytest.mark.parametrize("description", ["", "  ", None, 3])
def test_a_figure_needs_a_description(description):
    figure, _ = plots.figure()
    with pytest.raises(ValueError, match="description"):
        plots.show(figure, description)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rows": 0}, "rows must be a whole number from 1 on"),
        ({"width": 8.0}, "at most 7"),
        ({"width": 0}, "width must be"),
    ],
)
def test_figure_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        plots.figure(**arguments)


def test_figure_gives_its_axes_as_a_grid():
    figure, axes = plots.figure(2, 3, height=4)
    assert axes.shape == (2, 3)
    assert tuple(figure.get_size_inches()) == (7.0, 4.0)


def test_outside_a_notebook_it_prints(capsys):
    plots.bars({"a": 1.0}, xlabel="share", description="Bars")
    assert capsys.readouterr().out == "Figure: Bars.\n"


# Ticks and folded text


def ticks(axis) -> list[str]:
    axis.figure.canvas.draw()
    return [tick.get_text() for tick in axis.get_ticklabels(which="both") if tick.get_text()]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([100, 300, 1000], {"100", "200", "500", "1,000"}),
        ([0.02, 0.3], {"0.02", "0.05", "0.1", "0.2"}),
        ([1e-5, 1e3], {"$10^{-5}$", "0.001", "0.1", "10", "1,000"}),
    ],
)
def test_numbers_at_a_logarithmic_axis_are_plain(values, expected):
    drawn, axes = plots.figure()
    axes[0, 0].plot(values, [1, 2, 3][: len(values)])
    axes[0, 0].set_xscale("log")
    write_plainly(axes[0, 0].xaxis)
    found = set(ticks(axes[0, 0].xaxis))
    assert expected <= found
    assert not any("times" in text for text in found)
    drawn.clear()


def test_a_count_has_no_halves():
    drawn, axes = plots.figure()
    axes[0, 0].plot([1, 2, 3, 4], [1, 2, 3, 4])
    count_whole(axes[0, 0].xaxis, np.array([1.0, 2, 3, 4]))
    assert all(float(text).is_integer() for text in ticks(axes[0, 0].xaxis))
    drawn.clear()


@pytest.mark.parametrize("columns", [5, 12, 40])
def test_lines_of_text_end_between_words(columns):
    text = "To be,\nor not to be: that is the question, or incomprehensibility.\n"
    lines, rows, places = fold_text(text, columns)
    found = "".join(lines[row][place] for row, place in zip(rows, places, strict=True))
    assert found.replace("\u21b5", "\n") == text
    assert all(len(line.rstrip(" \u21b5")) <= columns for line in lines)
    for one, other in zip(lines, lines[1:], strict=False):
        word = one.rsplit(" ", 1)[-1] + other.split(" ", 1)[0]
        assert one[-1] in " \u21b5" or len(word.rstrip("\u21b5")) > columns or other[0] in " \u21b5"
