"""Make `data/movie_reviews.txt.xz`: sentences of film reviews whose sentiment people have rated.

Usage (from the top folder of the repository):

    python data/scripts/make_movie_reviews.py --ratings FILE

`FILE` is `movieReviewSnippets_GroundTruth.txt` from the archive `hutto_ICWSM_2014.tar.gz` in the
source package of `vaderSentiment` 3.3.2: one line for each sentence with its number, the mean of at
least 20 people's ratings from -4 to 4, and the sentence.

Kept are sentences whose mean rating is 1 or more (positive) or -1 or less (negative): on those the
raters agree. Sentences that occur twice, or hold a character of another script or encoding, go.
From the rest a frozen random stream draws equally many of both kinds. A line of the result is `+`
or `-`, a tab and the sentence; signs alternate. The first 6,000 lines are the training set, the
last 1,000 the test set.
"""

import argparse
import lzma
from collections import Counter
from pathlib import Path

import numpy as np

DATA = Path(__file__).resolve().parents[1]
EACH = 3_500  # sentences of each kind, 500 of them for the test
CLEAR = 1.0  # rating, of 4


def rated_sentences(text: str) -> tuple[list[str], list[str]]:
    """Return the clearly positive and the clearly negative sentences, sorted."""
    pairs = []
    for line in text.splitlines():
        _, rating, sentence = line.split("\t")
        pairs.append((float(rating), " ".join(sentence.split())))
    count = Counter(sentence for _, sentence in pairs)
    usable = [pair for pair in pairs if count[pair[1]] == 1 and pair[1].isascii()]
    positive = sorted(sentence for rating, sentence in usable if rating >= CLEAR)
    negative = sorted(sentence for rating, sentence in usable if rating <= -CLEAR)
    return positive, negative


def lines(positive: list[str], negative: list[str]) -> str:
    """Return the file's text: signs alternate, sentences in random order."""
    rng = np.random.RandomState(0)  # its stream is frozen: the same on every version
    chosen = [[kind[i] for i in rng.permutation(len(kind))[:EACH]] for kind in (positive, negative)]
    return "".join(f"+\t{good}\n-\t{bad}\n" for good, bad in zip(*chosen, strict=True))


def main() -> None:
    """Read the ratings and write the sentences."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ratings", type=Path, required=True)
    text = lines(*rated_sentences(parser.parse_args().ratings.read_text(encoding="utf-8")))
    path = DATA / "movie_reviews.txt.xz"
    path.write_bytes(lzma.compress(text.encode("ascii"), preset=9 | lzma.PRESET_EXTREME))
    print(f"wrote {path.name}: {text.count(chr(10)):,} sentences, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
