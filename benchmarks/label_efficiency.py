"""Measure accuracy against the number of labels for everything the part on data offers.

    python benchmarks/label_efficiency.py [--seeds 0 1 2 3 4] [--record]

Fashion-MNIST as it ships: 10,000 images, of which some get labels, and 2,000 to be tested on. The
labels are drawn by lot, without regard to class; active learning starts with ten and chooses the
others. Logistic regression has the same penalty everywhere, and its features are standardized on
all images, which needs no label. With --record the means, the deviations over seeds and the paired
differences are kept under book/recorded/label-efficiency/.
"""

import keras
import numpy as np
from race import options
from sklearn.linear_model import LogisticRegression

from course_lib import (
    augmentation,
    convolution,
    datasets,
    devices,
    label_efficiency,
    recorded,
    training,
    transfer_learning,
)

LABELS = (10, 30, 100, 300, 1000)
SMALL = datasets.course_size() == "small"
EPOCHS = 40 if SMALL else 200  # of pretraining
STEPS, BATCH = 300, 32  # of training with labels alone


def view(images, seed):
    """Change images so that what they show stays the same."""
    first, second, third = np.random.default_rng(seed).integers(2**31, size=3)
    parts = label_efficiency.random_resized_crop(images, 0.6, int(first))
    jittered = augmentation.color_jitter(parts, int(second), 0.2, 0.4, 0.0)
    return augmentation.flip(jittered, int(third))


def moved(images, seed):
    """Mirror and shift images, as the chapter on augmentation does."""
    first, second = np.random.default_rng(seed).integers(2**31, size=2)
    mirrored = augmentation.flip(images, int(first))
    return keras.ops.convert_to_numpy(augmentation.crop_and_pad(mirrored, int(second), 2))


class FromScratch:
    """Train the small CNN from fresh weights, compiled once for all runs."""

    def __init__(self):
        """Build and compile the network."""
        self.model = convolution.small_cnn()
        self.model.compile(
            keras.optimizers.Adam(training.one_cycle(3e-3, STEPS)),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )

    def __call__(self, x, y, seed, change=None):
        """Return a function from images to predicted classes."""
        training.set_seed(seed)
        training.restart(self.model, convolution.small_cnn().get_weights())
        random, count = np.random.default_rng(seed), STEPS * BATCH
        rounds = -(-count // len(x))
        order = np.concatenate([random.permutation(len(x)) for _ in range(rounds)])[:count]
        images = x[order] if change is None else change(x[order], seed)
        training.fit(self.model, images, y[order], epochs=1, batch_size=BATCH, seed=seed)
        return self.model.predict(x_test, batch_size=500, verbose=0).argmax(axis=-1)


def standardized(features, test):
    """Scale features by what all images without labels say."""
    mean, deviation = features.mean(axis=0), features.std(axis=0)
    scale = deviation + 1e-3 * features.std()
    return (features - mean) / scale, (test - mean) / scale


def head(features, labeled):
    """Fit logistic regression on some examples."""
    labels = fashion.y_train[labeled]
    return LogisticRegression(C=0.03, max_iter=300).fit(features[labeled], labels)


def nearest_prototype(features, test, labeled):
    """Predict the class of the nearest prototype, among the classes that have one."""
    present, numbers = np.unique(fashion.y_train[labeled], return_inverse=True)
    centers = label_efficiency.prototypes(features[labeled], numbers, len(present))
    logits = label_efficiency.prototype_logits(test, centers)
    return present[keras.ops.convert_to_numpy(logits).argmax(axis=-1)]


def chosen_by_margin(features, start):
    """Return for each number of labels the positions that the margin query chose."""

    def query(learner, unlabeled, count):
        probabilities = learner.predict_proba(features[unlabeled])
        return label_efficiency.query_margin(probabilities, count)

    labeled, found = start, {len(start): start}
    for count, until in ((10, 100), (50, 300), (100, 1000)):
        rounds = (until - len(labeled)) // count
        loop = label_efficiency.label_loop(
            lambda some: head(features, some), query, len(x), labeled, count, rounds
        )
        for labeled, _ in loop:
            found[len(labeled)] = labeled
    return found


def features_of_all():
    """Compute the features of each source, standardized: name to (training, test)."""
    training.set_seed(0)
    network = convolution.small_cnn(num_classes=32)  # the last two layers are the projection head
    untrained = transfer_learning.feature_extractor(network, "pool3", 3)
    sources = {"untrained features": [untrained.predict(part, verbose=0) for part in (x, x_test)]}
    with training.Stopwatch() as watch:
        label_efficiency.contrastive_pretraining(network, x, view, epochs=EPOCHS)
    print("pretraining", watch, flush=True)
    body = transfer_learning.feature_extractor(network, "pool3", 3)
    sources["SimCLR"] = [body.predict(part, verbose=0) for part in (x, x_test)]
    source = transfer_learning.source_cnn()
    source.set_weights(datasets.load_weights("source_cnn_cifar10_grey"))
    body = transfer_learning.feature_extractor(source, "block2", 4)
    sources["transfer"] = [body.predict(part, verbose=0) for part in (x, x_test)]
    sources["pixels"] = [part.reshape(len(part), -1) for part in (x, x_test)]
    return {name: standardized(*pair) for name, pair in sources.items()}


def one_seed(seed, sources, from_scratch):
    """Return the accuracy of each method for each number of labels."""
    order = label_efficiency.query_random(len(x), len(x), seed)
    by_margin = {
        name: chosen_by_margin(sources[name][0], order[:10]) for name in ("SimCLR", "transfer")
    }
    results = {}
    for count in LABELS:
        labeled, row = order[:count], {}
        row["from scratch"] = from_scratch(x[labeled], fashion.y_train[labeled], seed)
        row["+ augmentation"] = from_scratch(x[labeled], fashion.y_train[labeled], seed, moved)
        for name, (features, test) in sources.items():
            row[f"{name}, probe"] = head(features, labeled).predict(test)
        for name, found in by_margin.items():
            features, test = sources[name]
            row[f"{name}, probe + margin query"] = head(features, found[count]).predict(test)
        row["SimCLR, prototypes"] = nearest_prototype(*sources["SimCLR"], labeled)
        for name, predicted in row.items():
            results[name, count] = float((predicted == fashion.y_test).mean())
    return results


def main() -> None:
    sources, from_scratch = features_of_all(), FromScratch()
    runs = []
    for seed in arguments.seeds:
        runs.append(one_seed(seed, sources, from_scratch))
        print(f"seed {seed} done", flush=True)
    values = {"epochs of pretraining": EPOCHS}
    for method, count in runs[0]:
        several = np.array([run[method, count] for run in runs])
        column = f"{method}: {count} labels"
        values[column] = round(float(several.mean()), 4)
        values[f"± {column}"] = round(float(several.std(ddof=1)), 4)
        print(f"{column:<50}{several.mean():.3f} ± {several.std(ddof=1):.3f}")
    for name in ("SimCLR", "transfer"):
        for count in LABELS[2:]:
            gains = [
                run[f"{name}, probe + margin query", count] - run[f"{name}, probe", count]
                for run in runs
            ]
            row = f"gain of the margin query, {name}"
            values[f"{row}: {count} labels"] = round(float(np.mean(gains)), 4)
            values[f"± {row}: {count} labels"] = round(float(np.std(gains, ddof=1)), 4)
            print(f"{row}: {count} labels {np.mean(gains):.3f} ± {np.std(gains, ddof=1):.3f}")
    if arguments.record:
        recorded.save("label-efficiency", values, arguments.seeds)


if __name__ == "__main__":
    arguments = options(__doc__, seeds=[0, 1, 2, 3, 4]).parse_args()
    print(devices.describe(), "\n")
    fashion = datasets.load("fashion_mnist", size="small")
    x, x_test = (
        training.scale_images(part).reshape(-1, 28, 28, 1)
        for part in (fashion.x_train, fashion.x_test)
    )
    main()
