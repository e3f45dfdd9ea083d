"""Distill a large network for MNIST into a small one, and into one that never saw a 3.

    COURSE_SIZE=full python benchmarks/distillation.py [--seeds 0 1 2] [--wide] [--record]

The experiment of Hinton, Vinyals and Dean (2015), section 3, made small enough for one core: the
teacher has two hidden layers of 400 units (theirs: 1200), is trained with dropout and on images
shifted by up to two pixels; the students have two layers of 50 (theirs: 800) and see the images as
they are. Each student is trained from the same start on labels, and on the teacher alone at three
temperatures; then once more without any image of a 3, after which the bias of the 3 is fitted so
that its mean probability on the training images is its share among them. Counted are errors on the
test images. With --wide there are also students of two layers of 300, which are large enough to
learn their labels by heart. With --record the table is kept under book/recorded/distillation/.
Without --wide some five minutes on one core at full size.
"""

import keras
import numpy as np
from keras import layers
from race import options

from course_lib import datasets, distillation, gradients, recorded, training

TEMPERATURES = (1.0, 4.0, 20.0)
# By size of the data: the small set needs more rounds.
TEACHER_EPOCHS, STUDENT_EPOCHS = {"full": 16, "small": 60}, {"full": 12, "small": 30}
BATCH = 100


def shifted(images: np.ndarray, random: np.random.Generator, reach: int = 2) -> np.ndarray:
    """Return each image moved by up to ``reach`` pixels along each axis."""
    side = images.shape[1]
    wide = np.pad(images, ((0, 0), (reach, reach), (reach, reach), (0, 0)))
    rows, columns = random.integers(0, 2 * reach + 1, size=(2, len(images), 1))
    rows, columns = rows + np.arange(side), columns + np.arange(side)
    return wide[np.arange(len(images))[:, None, None], rows[:, :, None], columns[:, None]]


def network(units: tuple[int, ...], seed: int, drop: bool = False) -> keras.Sequential:
    """Return a fresh network of dense layers, with dropout where asked to."""
    training.set_seed(seed)
    stack = [keras.Input((28, 28, 1)), layers.Flatten()]
    stack += [layers.Dropout(0.2)] if drop else []
    for count in units:
        stack.append(layers.Dense(count, "relu", kernel_initializer="he_normal"))
        stack += [layers.Dropout(0.5)] if drop else []
    return keras.Sequential([*stack, layers.Dense(10)])


def train_teacher(x: np.ndarray, y: np.ndarray, epochs: int, seed: int = 0) -> keras.Sequential:
    """Return a teacher trained on shifted images."""
    teacher = network((400, 400), seed, drop=True)
    teacher.compile(
        keras.optimizers.Adam(training.one_cycle(2e-3, epochs * -(-len(x) // BATCH))),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=gradients.without_slow_start(),
    )
    random = np.random.default_rng(seed)
    for _ in range(epochs):
        teacher.fit(shifted(x, random), y, BATCH, epochs=1, verbose=0)
    return teacher


def main() -> None:
    """Run the experiment, print it, and keep it where asked to."""
    parser = options(__doc__, seeds=[0, 1, 2])
    parser.add_argument("--wide", action="store_true", help="also students of 300 units")
    given = parser.parse_args()
    data = datasets.load("mnist")
    x, x_test = training.scale_images(data.x_train), training.scale_images(data.x_test)
    y, y_test = data.y_train, data.y_test
    teacher = train_teacher(x, y, TEACHER_EPOCHS[data.size])
    said = teacher.predict(x, 1000, verbose=0)
    wrong = int((teacher.predict(x_test, 1000, verbose=0).argmax(axis=1) != y_test).sum())
    values = {f"errors of the teacher on {len(x_test):,} test images": wrong}
    print(values, flush=True)
    starts = [network((50, 50), seed) for seed in given.seeds]
    dials = {"temperature": (1.0, *TEMPERATURES), "alpha": (0.0, *[1.0] * len(TEMPERATURES))}
    names = ["labels", *(f"teacher at temperature {heat:g}" for heat in TEMPERATURES)]
    classes = {"all digits": (starts, slice(None)), "no 3": (starts, y != 3)}
    if given.wide:
        wide = [network((300, 300), seed) for seed in given.seeds]
        classes = {"all digits, 300 units": (wide, slice(None))} | classes
    settings = dials | {"epochs": STUDENT_EPOCHS[data.size], "batch_size": BATCH}
    for title, (class_starts, rows) in classes.items():
        room = distillation.teach(class_starts, x[rows], y[rows], said[rows], **settings)
        answers, known = room.logits(x_test), room.logits(x[:10_000])
        for place, seed in enumerate(given.seeds):
            for dial, name in enumerate(names):
                row = f"{title}, {name}, seed {seed}"
                logits = answers[place, dial]
                values |= score(row, logits, y_test)
                if title == "no 3" and dial:
                    share = float((y[:10_000] == 3).mean())
                    bias = distillation.fitting_bias(known[place, dial], 3, share)
                    logits = logits + bias * np.eye(10)[3]
                    values |= score(f"{row}, bias fitted", logits, y_test)
    for name, value in values.items():
        print(f"{name:<70} {value}")
    if given.record:
        print(recorded.save("distillation", values, given.seeds))


def score(row: str, logits: np.ndarray, labels: np.ndarray) -> dict[str, int | float]:
    """Return the errors, and the share of 3s that are right, as cells of the table."""
    right = logits.argmax(axis=1) == labels
    return {
        f"{row}: errors": int((~right).sum()),
        f"{row}: 3s right": float(right[labels == 3].mean()),
    }


if __name__ == "__main__":
    main()
