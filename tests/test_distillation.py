"""Distillation against Keras's own, PyTorch's, automatic derivatives and closed forms."""

import keras
import numpy as np
import pytest
from keras import layers, ops
from scipy import special

from course_lib import distillation, gradients, training

SOON = gradients.without_slow_start()


def random(shape, seed=0, scale=1.0):
    return (scale * np.random.default_rng(seed).normal(size=shape)).astype("float32")


def to_numpy(x):
    return ops.convert_to_numpy(x)


def network(units=(7,), seed=0, inputs=(5,), classes=4):
    training.set_seed(seed)
    hidden = [layers.Dense(count, "relu") for count in units]
    return keras.Sequential([keras.Input(inputs), layers.Flatten(), *hidden, layers.Dense(classes)])


def by_hand(student, teacher, label, temperature, alpha):
    """The loss of one example, in plain Python sums, float64."""
    p = [np.exp(v / temperature) for v in teacher.astype("float64")]
    q = [np.exp(z / temperature) for z in student.astype("float64")]
    p, q = [v / sum(p) for v in p], [v / sum(q) for v in q]
    soft = sum(a * (np.log(a) - np.log(b)) for a, b in zip(p, q, strict=True))
    z = student.astype("float64")
    hard = np.log(sum(np.exp(z))) - z[label] if label >= 0 else 0.0
    return alpha * temperature**2 * soft + (1 - alpha) * hard


DIALS = [(1.0, 0.5), (4.0, 0.9), (20.0, 1.0), (0.5, 0.3), (3.0, 0.0)]


# The loss


@pytest.mark.parametrize(("temperature", "alpha"), DIALS)
@pytest.mark.parametrize(("shape", "seed"), [((6, 10), 0), ((2, 3, 4), 1), ((5,), 2), ((8, 2), 3)])
def test_the_loss_is_what_the_equation_says(shape, seed, temperature, alpha):
    student, teacher = random(shape, seed, 3), random(shape, seed + 50, 3)
    labels = np.random.default_rng(seed).integers(0, shape[-1], size=shape[:-1])
    ours = distillation.distillation_loss(student, teacher, labels, temperature, alpha)
    assert tuple(ours.shape) == shape[:-1]
    rows = zip(
        student.reshape(-1, shape[-1]), teacher.reshape(-1, shape[-1]), labels.flat, strict=True
    )
    expected = [by_hand(*row, temperature, alpha) for row in rows]
    np.testing.assert_allclose(to_numpy(ours).reshape(-1), expected, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("temperature", [1.0, 3.0, 10.0])
@pytest.mark.parametrize("shape", [(16, 10), (7, 3)])
def test_the_teachers_part_is_keras_logits_distillation(shape, temperature):
    student, teacher = random(shape, 1, 2), random(shape, 2, 2)
    labels = np.zeros(shape[0], "int32")
    ours = ops.mean(distillation.distillation_loss(student, teacher, labels, temperature, 1.0))
    divergence = keras.losses.KLDivergence()
    reference = keras.distillation.LogitsDistillation(temperature, loss=divergence)
    theirs = reference.compute_loss(teacher, student)
    assert float(ours) == pytest.approx(float(theirs), rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_the_loss_is_pytorchs_divergence_and_cross_entropy(temperature):
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    student, teacher = random((9, 5), 3, 2), random((9, 5), 4, 2)
    labels = np.arange(9) % 5
    s, t = torch.tensor(student), torch.tensor(teacher)
    soft = functional.kl_div(
        functional.log_softmax(s / temperature, -1),
        functional.softmax(t / temperature, -1),
        reduction="batchmean",
    )
    hard = functional.cross_entropy(s, torch.tensor(labels))
    expected = 0.7 * temperature**2 * float(soft) + 0.3 * float(hard)
    ours = distillation.distillation_loss(student, teacher, labels, temperature, 0.7)
    assert float(ops.mean(ours)) == pytest.approx(expected, rel=1e-5)


def test_keras_default_loss_is_still_the_trap_that_the_page_shows():
    teacher, student = random((8, 4), 1, 2), random((8, 4), 2, 2)
    by_name = keras.distillation.LogitsDistillation(4.0, loss="kl_divergence")
    assert float(by_name.compute_loss(teacher, student)) == pytest.approx(
        float(ops.mean(keras.losses.kl_divergence(teacher / 4, student / 4))), rel=1e-5
    )  # of raw logits: no softmax, no factor


def test_an_example_without_a_label_pays_for_the_teachers_part_alone():
    student, teacher = random((4, 3), 5), random((4, 3), 6)
    labels = np.array([0, -1, 2, -1])
    mixed = to_numpy(distillation.distillation_loss(student, teacher, labels, 2.0, 0.4))
    whole = to_numpy(distillation.distillation_loss(student, teacher, labels.clip(0), 2.0, 0.4))
    soft = to_numpy(distillation.distillation_loss(student, teacher, labels, 2.0, 1.0))
    np.testing.assert_allclose(mixed[[0, 2]], whole[[0, 2]], rtol=1e-6)
    np.testing.assert_allclose(mixed[[1, 3]], 0.4 * soft[[1, 3]], rtol=1e-5)


@pytest.mark.parametrize("scale", [1.0, 30.0, 300.0])
def test_the_loss_is_finite_for_large_logits_and_zero_for_a_perfect_student(scale):
    teacher = random((6, 5), 7, scale)
    labels = np.zeros(6, "int32")
    other = distillation.distillation_loss(random((6, 5), 8, scale), teacher, labels, 1.0, 0.5)
    assert np.isfinite(to_numpy(other)).all()
    shifted = teacher + 2.5  # one number added to all logits changes no probability
    same = distillation.distillation_loss(shifted, teacher, labels, 2.0, 1.0)
    np.testing.assert_allclose(to_numpy(same), 0, atol=1e-4)


@pytest.mark.parametrize("temperature", [0.7, 1.0, 5.0])
def test_the_gradient_is_the_closed_form_and_none_goes_to_the_teacher(temperature):
    student, teacher = random((5, 4), 9, 2), random((5, 4), 10, 2)
    labels = np.zeros(5, "int32")

    def loss(student, teacher):
        each = distillation.distillation_loss(student, teacher, labels, temperature, 1.0)
        return ops.sum(each)

    _, (ours, none) = gradients.value_and_grad(loss, argnums=(0, 1))(student, teacher)
    closed = to_numpy(distillation.soft_gradient(student, teacher, temperature))
    np.testing.assert_allclose(to_numpy(ours), temperature**2 * closed, atol=2e-6)
    np.testing.assert_array_equal(to_numpy(none), 0)


def test_the_gradient_tends_to_the_difference_of_centered_logits():
    student, teacher = random((6, 5), 11), random((6, 5), 12)
    apart = (student - student.mean(1, keepdims=True)) - (teacher - teacher.mean(1, keepdims=True))
    gaps = []
    for temperature in (10.0, 100.0, 1000.0):
        scaled = temperature**2 * to_numpy(
            distillation.soft_gradient(student, teacher, temperature)
        )
        gaps.append(np.abs(scaled - apart / 5).max())
    assert gaps[0] > 5 * gaps[1]  # first order in 1 / T
    assert gaps[1] < 0.02
    assert gaps[2] < 0.02  # here float32 rounds


@pytest.mark.parametrize("temperature", [0.5, 1.0, 8.0])
def test_softening_is_scipys_softmax_of_scaled_logits(temperature):
    logits = random((3, 2, 6), 13, 4)
    expected = special.softmax(logits.astype("float64") / temperature, axis=-1)
    ours = to_numpy(distillation.soften(logits, temperature))
    np.testing.assert_allclose(ours, expected, atol=1e-6)
    assert (ours.argmax(-1) == logits.argmax(-1)).all()


def test_wrong_input_to_the_loss_is_named():
    z, labels = random((4, 3)), np.zeros(4, "int32")
    loss = distillation.distillation_loss
    for heat in (0, -1, np.nan, "hot"):
        with pytest.raises(ValueError, match="temperature must be a number at least"):
            loss(z, z, labels, heat, 0.5)
    for share in (-0.1, 1.5, np.nan):
        with pytest.raises(ValueError, match="alpha must be a number at least 0 and at most 1"):
            loss(z, z, labels, 1.0, share)
    with pytest.raises(ValueError, match=r"one shape.*\(4, 3\) and \(4, 2\)"):
        loss(z, z[:, :2], labels, 1.0, 0.5)
    with pytest.raises(ValueError, match="one-hot"):
        loss(z, z, np.eye(3)[[0, 1, 2, 0]], 1.0, 0.5)
    with pytest.raises(ValueError, match="labels must be class indices"):
        loss(z, z, labels[:2], 1.0, 0.5)
    with pytest.raises(ValueError, match="student_logits must hold floating point"):
        loss(np.ones((4, 3), int), z, labels, 1.0, 0.5)


# The distiller


@pytest.mark.parametrize(("temperature", "alpha"), [(3.0, 0.5), (1.0, 1.0), (5.0, 0.9)])
def test_the_distiller_takes_the_steps_of_keras_distiller(temperature, alpha):
    x, y = random((48, 5), 14), (np.arange(48) % 4).astype("int32")
    teacher = network((11,), seed=3)
    ours, theirs = network(seed=1), network(seed=1)
    settings = {"epochs": 3, "batch_size": 16, "shuffle": False, "verbose": 0}

    distiller = distillation.Distiller(ours, temperature, alpha)
    distiller.compile(keras.optimizers.SGD(0.1), jit_compile=SOON)
    history = distiller.fit(x, {"labels": y, "teacher": teacher.predict(x, verbose=0)}, **settings)

    reference = keras.distillation.Distiller(
        teacher,
        theirs,
        keras.distillation.LogitsDistillation(temperature, keras.losses.KLDivergence()),
        student_loss_weight=1 - alpha,
    )
    hard = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    reference.compile(keras.optimizers.SGD(0.1), loss=hard, jit_compile=SOON)
    reference.fit(x, y, **settings)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-5)
    assert history.history["loss"][-1] < history.history["loss"][0]


def test_the_distiller_leaves_the_teacher_alone_which_keras_does_not():
    x, y = random((20, 5), 15), (np.arange(20) % 4).astype("int32")
    teacher = network((6,), seed=5)
    before = teacher.get_weights()
    distiller = distillation.Distiller(network(seed=6), 2.0, 0.5)
    distiller.compile("adam", jit_compile=SOON)
    distiller.fit(x, {"labels": y, "teacher": teacher.predict(x, verbose=0)}, verbose=0)
    assert teacher.trainable
    for old, new in zip(before, teacher.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    loss = keras.distillation.LogitsDistillation()
    keras.distillation.Distiller(teacher, network(seed=6), loss)
    assert not teacher.trainable  # the trap that the chapter shows


def test_the_distiller_learns_without_any_label_and_is_saved_whole(tmp_path):
    x = random((200, 5), 16)
    teacher = network((12,), seed=7)
    said = teacher.predict(x, verbose=0)
    student = network((32,), seed=8)
    distiller = distillation.Distiller(student, 2.0, 1.0)
    distiller.compile(keras.optimizers.Adam(0.02), jit_compile=SOON)
    targets = {"labels": np.full(200, -1, "int32"), "teacher": said}
    distiller.fit(x, targets, epochs=60, verbose=0)
    answers = student.predict(x, verbose=0)
    assert distillation.agreement(answers, said) > 0.9
    distiller.save(tmp_path / "distiller.keras")
    again = keras.saving.load_model(tmp_path / "distiller.keras")
    assert (again.temperature, again.alpha) == (2.0, 1.0)
    np.testing.assert_allclose(again.predict(x, verbose=0), answers, atol=1e-5)


def test_wrong_input_to_the_distiller_is_named():
    with pytest.raises(ValueError, match="temperature"):
        distillation.Distiller(network(), 0.0)
    with pytest.raises(ValueError, match="alpha"):
        distillation.Distiller(network(), 1.0, 2.0)
    distiller = distillation.Distiller(network())
    distiller.compile("sgd", run_eagerly=gradients.active_backend() == "tensorflow")
    with pytest.raises(ValueError, match="dictionary of labels"):
        distiller.fit(random((4, 5)), np.zeros(4, "int32"), verbose=0)


# Many students at once


def lone_student(start, x, y, said, temperature, alpha, rows, rate, steps):
    """One student, trained by Keras's own fit on the order that it had in the class."""
    distiller = distillation.Distiller(start, temperature, alpha)
    distiller.compile(keras.optimizers.Adam(training.one_cycle(rate, steps)), jit_compile=SOON)
    targets = {"labels": y[rows], "teacher": said[rows]}
    distiller.fit(x[rows], targets, batch_size=8, shuffle=False, verbose=0)
    return start


@pytest.mark.parametrize("units", [(), (6, 5)])
def test_each_student_of_a_class_learns_what_it_would_have_learned_alone(units, monkeypatch):
    x = random((30, 2, 3), 17)
    y = (np.arange(30) % 4).astype("int32")
    said = random((30, 4), 18, 2)
    starts = [network(units, seed, (2, 3)) for seed in (1, 2)]
    before = [start.get_weights() for start in starts]
    seen = []
    fit = keras.Model.fit
    monkeypatch.setattr(
        distillation.Classroom, "fit", lambda s, rows, **o: (seen.append(rows), fit(s, rows, **o))
    )
    dials = {"temperature": [1.0, 4.0], "alpha": [0.0, 0.6]}
    room = distillation.teach(
        starts, x, y, said, **dials, epochs=3, batch_size=8, learning_rate=0.02
    )
    rows = seen[0]
    assert rows.shape == (3 * 24, 2)  # what does not fill a batch is left out
    assert not np.array_equal(rows[:, 0], rows[:, 1])
    for epoch in rows.reshape(3, 24, 2):
        assert all(len(set(column)) == 24 for column in epoch.T)
    x_new = random((9, 2, 3), 19)
    together = room.logits(x_new, batch_size=4)
    assert together.shape == (2, 2, 9, 4)
    for place, start in enumerate(starts):
        for old, new in zip(before[place], start.get_weights(), strict=True):
            np.testing.assert_array_equal(old, new)
        for dial in range(2):
            alone = network(units, 0, (2, 3))
            alone.set_weights(room.student_weights(place, dial))
            found = alone.predict(x_new, verbose=0)
            np.testing.assert_allclose(found, together[place, dial], atol=1e-5)
    for place, dial in ((0, 1), (1, 0)):
        temperature, alpha = (values[dial] for values in dials.values())
        alone = network(units, place + 1, (2, 3))
        lone_student(alone, x, y, said, temperature, alpha, rows[:, place], 0.02, 9)
        expected = alone.predict(x_new, verbose=0)
        np.testing.assert_allclose(together[place, dial], expected, atol=2e-3)


def test_students_may_have_teachers_and_labels_of_their_own():
    x = random((24, 5), 20)
    starts = [network(seed=seed) for seed in (1, 2)]
    said = random((2, 3, 24, 4), 21, 3)
    labels = np.random.default_rng(22).integers(-1, 4, size=(2, 24))
    dials = {"temperature": [1.0, 2.0, 3.0], "alpha": 0.5, "batch_size": 12, "epochs": 2}
    room = distillation.teach(starts, x, labels, said, **dials)
    answers = room.logits(x)
    changed = said.copy()
    changed[1, 2] *= -1
    others = distillation.teach(starts, x, labels, changed, **dials).logits(x)
    same = np.isclose(answers, others, atol=1e-5).all(axis=(2, 3))
    np.testing.assert_array_equal(same, [[True] * 3, [True, True, False]])
    for wide in (said[0, 0], said[:, 0]):
        few = distillation.teach(starts, x, labels[0], wide, **dials).logits(x)
        assert few.shape == answers.shape


def test_wrong_input_to_a_class_is_named():
    x, y, said = random((20, 5)), np.zeros(20, "int32"), random((20, 4))
    starts = [network(), network(seed=1)]
    teach = distillation.teach
    with pytest.raises(ValueError, match="of the same sizes"):
        teach([network(), network((8,))], x, y, said, batch_size=10)
    dropping = keras.Sequential([keras.Input((5,)), layers.Dropout(0.5), layers.Dense(4)])
    with pytest.raises(ValueError, match="Flatten and Dense"):
        teach([dropping], x, y, said, batch_size=10)
    with pytest.raises(ValueError, match="starts must be a list of at least 1"):
        teach([], x, y, said, batch_size=10)
    with pytest.raises(ValueError, match="unless alpha is 0"):
        teach(starts, x, y, batch_size=10)
    with pytest.raises(ValueError, match="labels must be class indices below 4"):
        teach(starts, x, y + 4, said, batch_size=10)
    with pytest.raises(ValueError, match="teacher_logits finite"):
        teach(starts, x, y, np.full_like(said, np.nan), batch_size=10)
    with pytest.raises(ValueError, match="as many as there are dial settings"):
        teach(starts, x, y, said, temperature=[1.0, 2.0], alpha=[0.1, 0.2, 0.3], batch_size=10)
    with pytest.raises(ValueError, match="temperature must be"):
        teach(starts, x, y, said, temperature=[1.0, 0.0], batch_size=10)
    with pytest.raises(ValueError, match="batch_size must be a whole number from 1 to 20"):
        teach(starts, x, y, said, batch_size=21)
    with pytest.raises(ValueError, match="x must fit"):
        teach(starts, x[:, :4], y, said, batch_size=10)
    with pytest.raises(ValueError, match="100 of its values are NaN"):
        teach(starts, np.full_like(x, np.nan), y, said, batch_size=10)


# What came over


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("shape", [(6, 4), (2, 5, 3)])
def test_an_ensemble_speaks_with_the_mean_of_its_probabilities(members, shape):
    logits = random((members, *shape), 23, 5)
    expected = special.softmax(logits.astype("float64"), axis=-1).mean(axis=0)
    ours = distillation.ensemble_logits(logits)
    np.testing.assert_allclose(special.softmax(ours, axis=-1), expected, atol=1e-6)
    with pytest.raises(ValueError, match="members"):
        distillation.ensemble_logits(np.array([np.inf, 1.0]))


def test_agreement_and_inherited_mistakes_count():
    teacher = np.eye(3)[[0, 1, 2, 0, 1, 2]]
    labels = np.array([0, 1, 2, 1, 2, 2])  # wrong at places 3 and 4
    student = np.eye(3)[[0, 1, 1, 0, 0, 2]]  # agrees at 0, 1, 3, 5
    assert distillation.agreement(student, teacher) == pytest.approx(4 / 6)
    assert distillation.inherited_mistakes(student, teacher, labels) == pytest.approx(1 / 2)
    several = np.stack([student, teacher])
    np.testing.assert_allclose(distillation.agreement(several, teacher), [4 / 6, 1])
    np.testing.assert_allclose(
        distillation.inherited_mistakes(several, teacher, labels), [1 / 2, 1]
    )
    assert np.isnan(distillation.inherited_mistakes(student, teacher, teacher.argmax(1)))
    with pytest.raises(ValueError, match="fit each other"):
        distillation.agreement(student, teacher[:, :2])
    with pytest.raises(ValueError, match="labels must have shape"):
        distillation.inherited_mistakes(student, teacher, labels[:3])


@pytest.mark.parametrize("share", [0.01, 0.1, 0.7])
@pytest.mark.parametrize("scale", [1.0, 40.0])
def test_the_bias_gives_the_class_its_share(share, scale):
    logits = random((80, 5), 24, scale)
    logits[:, 2] -= 3 * scale
    bias = distillation.fitting_bias(logits, 2, share)
    changed = logits.astype("float64")
    changed[:, 2] += bias
    assert special.softmax(changed, axis=1)[:, 2].mean() == pytest.approx(share, abs=1e-8)
    with pytest.raises(ValueError, match="class_index"):
        distillation.fitting_bias(logits, 5, share)
    with pytest.raises(ValueError, match="share must be"):
        distillation.fitting_bias(logits, 2, 0.0)
    with pytest.raises(ValueError, match="shape"):
        distillation.fitting_bias(logits[0], 2, share)
