"""Race an LSTM and a transformer against nanoGPT's CPU recipe on Shakespeare, all against counting.

    COURSE_SIZE=full python benchmarks/shakespeare.py [--seeds 0 1 2] [--record]

On tinyshakespeare (COURSE_SIZE=full) the first 90 % are for training and the rest for validation,
as nanoGPT splits them. The recipe of nanoGPT's README for a CPU (Karpathy 2022: four layers, four
heads, 128 features, blocks of 64 characters, batches of 12, 2,000 steps, no dropout) is written
anew in PyTorch below and runs where PyTorch is installed, which the course does not ask for. All
run in one process, one after the other. The seconds are those of building, compiling and training;
measuring the loss is left out for all.

Our transformer has half the layers of nanoGPT's and half as wide ones inside its blocks. It reads
batches twice as large, and its learning rate rises to six times nanoGPT's and falls in one cycle,
so that fewer steps do. This recipe was found by some twenty runs with seed 7.

Losses are nats per character over the whole validation text. The LSTM reads 16 pieces of it from
their starts with its state carried on; the transformers, which know no state, read windows of 64
characters, each character once, as nanoGPT measures. With --record the table is kept under
book/recorded/shakespeare/.
"""

import importlib.util
import math
import time

import keras
import numpy as np
from keras import ops
from race import options

from course_lib import attention, datasets, devices, recorded, recurrence, training

LSTM_STEPS = {"LSTM, a short run": 480, "LSTM, a long run": 1_800}
TRANSFORMER_STEPS = {"transformer, a short run": 720, "transformer, a long run": 2_900}
ROWS, LENGTH, UNITS = 16, 64, 256
WINDOWS, FEATURES, LAYERS, WIDENING = 24, 128, 2, 2  # of the transformer
NANOGPT = "transformer, nanoGPT's CPU recipe"


def train_lstm(ids: np.ndarray, characters: int, steps: int, seed: int) -> keras.Model:
    """Train on 16 streams, read side by side from a random place, with the state carried on."""
    training.set_seed(seed)
    random = np.random.default_rng(seed)
    model = recurrence.character_lstm(characters, UNITS, stateful=True, batch_size=ROWS)
    rate = training.one_cycle(8e-3, steps, warmup=0.2, end=1e-2)
    model.compile(
        keras.optimizers.Adam(rate, beta_2=0.99, global_clipnorm=1.0),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=True,
    )
    streams, place = None, np.inf
    for _ in range(steps):
        if streams is None or place + LENGTH >= streams.shape[1]:
            turned = np.roll(ids, -random.integers(len(ids)))
            streams, place = turned[: len(ids) // ROWS * ROWS].reshape(ROWS, -1), 0
            model.get_layer("lstm1").reset_state()
        now = slice(place, place + LENGTH)
        model.train_on_batch(streams[:, now], streams[:, place + 1 : place + LENGTH + 1])
        place += LENGTH
    return model


def lstm_loss(model: keras.Model, ids: np.ndarray) -> float:
    """Return the mean loss over a text, read as 16 pieces side by side."""
    inputs, targets = recurrence.character_windows(ids, (len(ids) - 1) // ROWS)
    logits, _ = recurrence.advance(model, inputs)
    losses = keras.losses.sparse_categorical_crossentropy(targets, logits, from_logits=True)
    return float(ops.mean(losses))


def train_transformer(ids: np.ndarray, characters: int, steps: int, seed: int) -> keras.Model:
    """Train on batches of windows: all windows from a random start, in random order, then anew."""
    training.set_seed(seed)
    random = np.random.default_rng(seed)
    model = attention.character_transformer(
        characters, FEATURES, LAYERS, length=LENGTH, widening=WIDENING
    )
    rate = training.one_cycle(6e-3, steps, warmup=0.25, end=1e-2)
    model.compile(
        keras.optimizers.AdamW(rate, weight_decay=0.1, beta_2=0.99, global_clipnorm=1.0),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=True,
    )
    places = np.empty(0, int)
    for _ in range(steps):
        if len(places) < WINDOWS:
            first, last = random.integers(LENGTH), len(ids) - LENGTH - 1
            places = random.permutation(np.arange(first, last, LENGTH))
        now, places = places[:WINDOWS, None] + np.arange(LENGTH), places[WINDOWS:]
        model.train_on_batch(ids[now], ids[now + 1])
    return model


def transformer_loss(model: keras.Model, ids: np.ndarray) -> float:
    """Return the mean loss over a text, read in windows, each character once."""
    inputs, targets = recurrence.character_windows(ids, LENGTH)
    logits = model.predict(inputs, batch_size=64, verbose=0)
    losses = keras.losses.sparse_categorical_crossentropy(targets, logits, from_logits=True)
    return float(ops.mean(losses))


def nanogpt_recipe(train_ids: np.ndarray, ids: np.ndarray, characters: int, seed: int):
    """Train nanoGPT's CPU recipe; return the seconds of training and the loss over a text."""
    import torch
    from torch import nn
    from torch.nn import functional

    layers, heads, features, block, batch, steps = 4, 4, 128, 64, 12, 2_000

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norms = nn.ModuleList(nn.LayerNorm(features, bias=False) for _ in range(2))
            self.attend = nn.Linear(features, 3 * features, bias=False)
            self.mix = nn.Linear(features, features, bias=False)
            self.widen = nn.Linear(features, 4 * features, bias=False)
            self.narrow = nn.Linear(4 * features, features, bias=False)

        def forward(self, x):
            shape = (*x.shape[:2], heads, features // heads)
            parts = self.attend(self.norms[0](x)).split(features, dim=2)
            q, k, v = (part.view(shape).transpose(1, 2) for part in parts)
            seen = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.mix(seen.transpose(1, 2).reshape(x.shape))
            return x + self.narrow(functional.gelu(self.widen(self.norms[1](x))))

    class Transformer(nn.Module):
        def __init__(self):
            super().__init__()
            self.tokens = nn.Embedding(characters, features)
            self.positions = nn.Embedding(block, features)
            self.blocks = nn.Sequential(*(Block() for _ in range(layers)))
            self.norm = nn.LayerNorm(features, bias=False)
            for name, weight in self.named_parameters():
                if weight.ndim == 2:
                    ends = name.endswith(("mix.weight", "narrow.weight"))
                    nn.init.normal_(weight, 0, 0.02 / (math.sqrt(2 * layers) if ends else 1))

        def forward(self, x, targets):
            h = self.tokens(x) + self.positions.weight[: x.shape[1]]
            logits = self.norm(self.blocks(h)) @ self.tokens.weight.T
            return functional.cross_entropy(logits.flatten(0, 1), targets.flatten())

    torch.manual_seed(seed)
    random, start = np.random.default_rng(seed), time.perf_counter()
    model = Transformer()
    matrices = [weight for weight in model.parameters() if weight.ndim == 2]
    vectors = [weight for weight in model.parameters() if weight.ndim < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.99))
    windows, after = recurrence.character_windows(train_ids.astype("int64"), block, stride=1)
    for step in range(steps):
        done = max(step - 100, 0) / (steps - 100)
        rate = 1e-4 + 9e-4 * 0.5 * (1 + math.cos(math.pi * done))
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * (step + 1) / 101 if step < 100 else rate
        places = random.integers(len(windows), size=batch)
        loss = model(torch.tensor(windows[places]), torch.tensor(after[places]))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    seconds = time.perf_counter() - start
    pairs = (array.copy() for array in recurrence.character_windows(ids.astype("int64"), block))
    with torch.no_grad():
        return seconds, model(*map(torch.tensor, pairs)).item()


def main() -> None:
    arguments = options(__doc__, seeds=[0]).parse_args()
    print(devices.describe(), "\n")
    text = datasets.load("shakespeare").text
    vocabulary = recurrence.Vocabulary(text)
    ids = vocabulary.encode(text)
    train_ids, validation_ids = np.split(ids, [int(0.9 * len(ids))])
    results = {}

    def note(name: str, seconds: float, loss: float) -> None:
        results.setdefault(name, []).append((seconds, loss))
        print(f"{name:<36}{seconds:>8.1f} s{loss:>8.3f} nats", flush=True)

    for order in (3, 4, 5, 6):
        with training.Stopwatch() as watch:
            bits = recurrence.ngram_bits(train_ids, validation_ids, order, len(vocabulary))
        note(f"{order}-gram, counted", watch.seconds, bits.mean() * math.log(2))
    for seed in arguments.seeds:
        for steps_by_name, train, loss in (
            (LSTM_STEPS, train_lstm, lstm_loss),
            (TRANSFORMER_STEPS, train_transformer, transformer_loss),
        ):
            for name, steps in steps_by_name.items():
                with training.Stopwatch() as watch:
                    model = train(train_ids, len(vocabulary), steps, seed)
                note(name, watch.seconds, loss(model, validation_ids))
        if importlib.util.find_spec("torch"):
            note(NANOGPT, *nanogpt_recipe(train_ids, validation_ids, len(vocabulary), seed))
    if arguments.record:
        recorded.save("shakespeare", summary(results), arguments.seeds)


def summary(results: dict[str, list[tuple]]) -> dict[str, float]:
    """Average over the seeds, as ``recorded`` wants it: ``row: column`` to value."""
    values = {}
    for name, runs in results.items():
        seconds, losses = (np.array(column) for column in zip(*runs, strict=True))
        values[f"{name}: seconds of training"] = round(float(seconds.mean()), 1)
        values[f"{name}: validation loss, nats per character"] = round(float(losses.mean()), 3)
        values[f"{name}: highest of the seeds"] = round(float(losses.max()), 3)
    return values


if __name__ == "__main__":
    main()
