"""Make the image sets that ship in `data/` from the full ones.

Usage (from the top folder of the repository):

    python data/scripts/make_images.py --full DIR [name ...]

`DIR` holds `fashion_mnist.npz`, `cifar10.npz` and `mnist.npz`, each with the arrays `x_train`,
`y_train`, `x_test` and `y_test` (uint8) in the order of the original publication.

From each split the first k images of every class are taken, in their original order. They are then
dealt out in blocks of ten, one image of every class, shuffled within the block. So any first 10,
20, 30, ... images are balanced, and no stride through the set picks a single class. The images
become one lossless WebP sheet a split, 100 images a row; the labels go into `labels.npz`. The
choice and the order are the same on every run.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

DATA = Path(__file__).resolve().parents[1]
COLUMNS = 100
NUM_CLASSES = 10
PER_CLASS = {  # name: images of each class in (train, test)
    "fashion_mnist": (1000, 200),
    "cifar10": (500, 100),
    "mnist": (500, 100),
}


def choose(labels: np.ndarray, per_class: int, seed: int = 0) -> np.ndarray:
    """Return the positions of the images to keep, in blocks of one image of every class."""
    by_class = np.stack([np.flatnonzero(labels == c)[:per_class] for c in range(NUM_CLASSES)])
    random = np.random.RandomState(seed)  # its stream is frozen by NumPy's compatibility policy
    return np.concatenate([block[random.permutation(NUM_CLASSES)] for block in by_class.T])


def sheet(images: np.ndarray) -> Image.Image:
    """Lay images (number, height, width[, 3]) out as one picture, 100 images a row."""
    number, height, width, *channels = images.shape
    rows = images.reshape(number // COLUMNS, COLUMNS, height, width, *channels).swapaxes(1, 2)
    picture = Image.fromarray(rows.reshape(number // COLUMNS * height, COLUMNS * width, *channels))
    return picture.convert("RGB")  # WebP has no grey mode; equal channels cost next to nothing


def make(name: str, full: Path) -> None:
    """Write `data/<name>/` from `full/<name>.npz`."""
    folder = DATA / name
    folder.mkdir(exist_ok=True)
    labels = {}
    with np.load(full / f"{name}.npz", allow_pickle=False) as arrays:
        for split, per_class in zip(("train", "test"), PER_CLASS[name], strict=True):
            y = arrays[f"y_{split}"].reshape(-1)
            kept = choose(y, per_class)
            labels[f"y_{split}"] = y[kept].astype(np.uint8)
            picture = sheet(arrays[f"x_{split}"][kept])
            picture.save(folder / f"{split}.webp", lossless=True, quality=100, method=4)
    np.savez(folder / "labels.npz", **labels)
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{name}: {size / 1e6:.2f} MB")


def main() -> None:
    """Read the arguments and make the sets that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--full", type=Path, required=True, help="folder of the full sets")
    parser.add_argument("names", nargs="*", help=f"any of {', '.join(PER_CLASS)}; all by default")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(PER_CLASS)
    if unknown:
        parser.error(f"unknown set: {', '.join(sorted(unknown))}; known: {', '.join(PER_CLASS)}")
    for name in arguments.names or PER_CLASS:
        make(name, arguments.full)
    print("Now run: python data/scripts/write_checksums.py")


if __name__ == "__main__":
    main()
