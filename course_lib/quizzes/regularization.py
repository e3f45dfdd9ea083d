"""Five questions on regularization: memory, remedies, and how to find out whether they work."""

from course_lib.quizzes import Answer, Question

__all__ = ["QUESTIONS"]

QUESTIONS = [
    Question(
        "From some epoch on the validation loss rises, and the validation accuracy stays. What is "
        "happening?",
        [
            Answer(
                "No overfitting: the accuracy would fall",
                "In the chapter the loss rose by more than a twentieth, and the accuracy ended no "
                "lower than before. Overfitting may show in the loss alone.",
            ),
            Answer(
                "The network grows surer of its mistakes",
                "It answers as many questions rightly, and each wrong answer costs more. Watch "
                "both, and decide which of them you need.",
                right=True,
            ),
            Answer(
                "A mistake in the program: the two have to move together",
                "The accuracy asks only which class is largest, the loss asks how sure. They may "
                "part without any mistake.",
            ),
            Answer(
                "The training has not converged: go on until the loss falls again",
                "The training loss is close to zero by then. Going on makes the network surer "
                "still.",
            ),
        ],
    ),
    Question(
        "A network learns 500 random labels by heart, and with true labels the same network does "
        "well on new images. What follows?",
        [
            Answer(
                "It also learned the true labels by heart, and no more",
                "Then it would be at chance on new images, as it is after random labels. With "
                "true ones it is far above.",
            ),
            Answer(
                "It was trained too long on the random ones",
                "It took longer to learn them, and that is a hint. But nothing about the network "
                "kept it from learning them.",
            ),
            Answer(
                "With an L2 penalty it would not have learned the random ones",
                "It did: over 90 %, for every seed. The penalty does not forbid memorizing.",
            ),
            Answer(
                "That it generalizes is not for lack of room to memorize",
                "It has room enough. What remains is a preference: true labels are learned "
                "first, since many examples share a pattern.",
                right=True,
            ),
        ],
    ),
    Question(
        "Some pixels are dark in every training image. You train by Adam, with an L2 penalty of "
        "0.001 in the loss. What happens to the weights that read these pixels?",
        [
            Answer(
                "They shrink to almost nothing, as with a penalty ten times as strong",
                "Their gradient is the penalty's alone, and Adam divides it by its own size. The "
                "strength cancels, and a step of about the learning rate is left.",
                right=True,
            ),
            Answer(
                "They shrink by a fixed small share at each step",
                "That is what AdamW does, which keeps the decay out of the division. The chapter "
                "compares its result with the formula.",
            ),
            Answer(
                "Nothing: without data there is no gradient",
                "There is no gradient from the data, but the penalty has one, $2 \\lambda w$.",
            ),
            Answer(
                "They shrink a tenth as much as with a penalty of 0.01",
                "So it would be with plain gradient descent and few steps. Adam takes steps of "
                "the same length, whatever the size of the gradient.",
            ),
        ],
    ),
    Question(
        "A report says that label smoothing lowers the loss on new images, over five seeds, with "
        "intervals. What do you ask for before you believe that it makes a better model?",
        [
            Answer(
                "More seeds: five are too few",
                "Five with paired intervals can show that the loss fell. The question is what "
                "made it fall.",
            ),
            Answer(
                "The training losses with and without smoothing",
                "With smoothed targets even a perfect model has a loss above zero. The two "
                "training losses cannot be compared.",
            ),
            Answer(
                "The loss of the plain model after temperature scaling",
                "In the chapter one number, found on 250 images, gave the plain model more than "
                "smoothing had: with a temperature for both, smoothing fell behind.",
                right=True,
            ),
            Answer(
                "A stronger smoothing, to see the loss fall further",
                "That tells more about the dial, and nothing about whether the gain is more than "
                "calibration.",
            ),
        ],
    ),
    Question(
        "You fit 400 examples, some of them mislabeled, by least squares on 400 random units. The "
        "test error is dreadful. Which remedies can help?",
        [
            Answer(
                "Only fewer units: the model is too large",
                "To the left of the peak the error is lower. But it also falls beyond it, and "
                "with 2,500 units it was lower than anywhere before.",
            ),
            Answer(
                "An L2 penalty, or far more units",
                "The penalty took the peak away. Far more units leave many ways to fit, and the "
                "smallest of them is tamer.",
                right=True,
            ),
            Answer(
                "None that keeps the wrong labels: they have to be found first",
                "The labels stayed as they were, and the error fell on either side of the peak. "
                "It is the one forced fit that does the damage.",
            ),
        ],
    ),
]
