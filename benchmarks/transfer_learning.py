"""Race four ways to use a source model on Fashion-MNIST, from 10 to 1,000 labels a class.

    python benchmarks/transfer_learning.py [--seeds 0 1 2] [--record]

From scratch, a linear probe, fine-tuning and low-rank adaptation, all with the shipped source model
and the shipped 10,000 training images; accuracy is measured on the 2,000 test images. Each seed has
images of its own, but for the largest size, which takes all of them: there the seed sets the order
and, from scratch, the first weights. At each size all get the same number of steps. With --record
the table is kept under book/recorded/transfer-learning/. Some ten minutes on one core.
"""

from race import options

from course_lib import datasets, recorded, training, transfer_learning

# labels a class: (epochs, batch size)
SIZES = {10: (40, 32), 30: (30, 32), 100: (20, 64), 300: (10, 64), 1000: (6, 64)}
RANK = 4


def tuners(source, steps: int, batch_size: int) -> dict[str, transfer_learning.FineTuner]:
    """Return what trains, compiled for one size."""
    common = {"num_classes": 10, "steps": steps, "batch_size": batch_size}
    thin = transfer_learning.low_rank_adapt(source, RANK)
    return {
        "from scratch": transfer_learning.FineTuner(
            source, learning_rate=5e-3, head_first=False, keep_statistics=False, **common
        ),
        "fine-tuning": transfer_learning.FineTuner(source, learning_rate=1e-3, **common),
        "low-rank": transfer_learning.FineTuner(thin, learning_rate=3e-3, **common),
    }


def main() -> None:
    """Run the race, print it, and keep it where asked to."""
    given = options(__doc__, seeds=[0, 1, 2]).parse_args()
    data = datasets.load("fashion_mnist", size="small")
    x, x_test = training.scale_images(data.x_train), training.scale_images(data.x_test)
    source = transfer_learning.source_cnn()
    source.set_weights(datasets.load_weights("source_cnn_cifar10_grey"))
    body = transfer_learning.feature_extractor(source)
    features, test_features = (body.predict(images, 500, verbose=0) for images in (x, x_test))
    values = {}
    for size, (epochs, batch_size) in SIZES.items():
        count = 10 * size
        methods = tuners(source, epochs * count // batch_size, batch_size)
        for seed in given.seeds:
            first = seed * count % len(x)
            rows = slice(first, first + count)
            examples = x[rows], data.y_train[rows]
            kernel, bias = transfer_learning.fit_head(features[rows], examples[1], 10)
            found = {"linear probe": test_features @ kernel + bias}
            for name, tuner in methods.items():
                start = None
                if name == "from scratch":
                    training.set_seed(seed)
                    fresh = transfer_learning.source_cnn()
                    start = transfer_learning.replace_head(fresh, 10, seed).get_weights()
                tuner(examples, seed, start)
                found[name] = tuner.model.predict(x_test, 500, verbose=0)
            for name, logits in found.items():
                accuracy = float((logits.argmax(axis=1) == data.y_test).mean())
                values[f"{name}, seed {seed}: {size} a class"] = accuracy
                print(f"{size:>5} {name:<14} seed {seed}: {accuracy:.4f}", flush=True)
    if given.record:
        rows = sorted(values, key=lambda name: name.split(":")[0])  # the columns keep their order
        values = {name: values[name] for name in rows}
        print(recorded.save("transfer-learning", values, given.seeds))


if __name__ == "__main__":
    main()
