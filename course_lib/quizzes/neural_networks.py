"""Five questions on neural networks: gradients, rates, first weights, and what they decide."""

from course_lib.quizzes import Answer, Question

__all__ = ["QUESTIONS"]

QUESTIONS = [
    Question(
        "You compute $a \\cdot a + a$ at $a = 3$. Central differences say that its derivative is "
        "7. Your own engine says 3, without an error. Where do you look?",
        [
            Answer(
                "At the step of the central differences, which is too large",
                "They are the judge that cannot share the engine's mistake. For a square, the "
                "formula is exact but for rounding, at any step.",
            ),
            Answer(
                "At the product: it should pass on $2a$ where both factors are the same",
                "It passes the other factor along each of its two arrows, 3 and 3. Nothing about "
                "equal factors needs to be known: the sum makes $2a$ of them.",
            ),
            Answer(
                "At the place where gradients arrive: it keeps one and should add them up",
                "Three arrows leave $a$, and 3, 3 and 1 come back. Whoever overwrites keeps one "
                "of them, and no message tells.",
                right=True,
            ),
            Answer(
                "At the order of the walk: it has to go from the inputs to the result",
                "Backwards is right: the gradient of a value is complete only after everything "
                "made from it has been visited.",
            ),
        ],
    ),
    Question(
        "A colleague trains one network with SGD and with Adam, both at a rate of 0.001, three "
        "seeds each. Adam's loss is half of SGD's. What do you conclude?",
        [
            Answer(
                "Nothing about the optimizers yet: each needs a rate of its own",
                "In the sweep SGD's valley lies at rates at least ten times as high. At a common "
                "rate you compare how near each is to its valley.",
                right=True,
            ),
            Answer(
                "Adam is the better optimizer here: three seeds rule out luck",
                "Seeds guard against luck, not against an unfair comparison. At a common rate of "
                "0.3 SGD wins just as clearly.",
            ),
            Answer(
                "SGD needs more epochs, since its steps are noisier",
                "Both see the same noisy batches. At 0.001 SGD's steps are too short; it "
                "lacks a larger rate, not a longer run.",
            ),
            Answer(
                "The comparison should be repeated at 0.1, where SGD is known to work",
                "Then SGD would get its good rate and Adam a bad one. That is the same mistake "
                "with the roles exchanged.",
            ),
        ],
    ),
    Question(
        "The loss of a ReLU network jumps up in the first steps, then lies still at the loss of a "
        "blind guess, whatever the batch. What do you look at first?",
        [
            Answer(
                "At the loss on new images, since this is overfitting",
                "A network that overfits has a *low* training loss. This one knows no more than a "
                "blind guess.",
            ),
            Answer(
                "At the share of hidden units that no image activates",
                "A rate that is too large throws the first layer so far off that its units never "
                "fire again. At a rate of 3 this happened to more than three quarters.",
                right=True,
            ),
            Answer(
                "At the number of epochs: it may sit in a flat place and needs time",
                "A unit that is never active has gradient zero. In the first layer nothing brings "
                "it back, however long you wait.",
            ),
            Answer(
                "At the learning rate, which is too small to get ahead",
                "Too small a rate gives a slow and steady fall. A jump in the first steps is a "
                "sign of the opposite.",
            ),
        ],
    ),
    Question(
        "Your pixels run from 0 to 255 and have to stay so. How do you get SGD to learn as well "
        "as with pixels from 0 to 1?",
        [
            Answer(
                "Take a learning rate that is $255^2$ times smaller",
                "That is the curvature's half of the answer. The sweep tried seventeen rates, and "
                "none helped: the network starts absurdly sure of itself.",
            ),
            Answer(
                "Divide the first kernel by 255 at the start, and keep the rate",
                "The start is right then. But the steepest curvature is still $255^2$ times as "
                "large, and with it falls the largest stable rate.",
            ),
            Answer(
                "Use Adam, whose steps do not depend on the size of gradients",
                "Document 002's program does just that. Its first losses are far above those of "
                "a blind guess, and it stays points behind the repaired one.",
            ),
            Answer(
                "Divide the first kernel by 255, and take a rate about $255^2$ times smaller",
                "Both effects come from the first layer: a start that is too loud, and a "
                "direction that is too steep. Repair both, and the loss is as low as with scaled "
                "pixels.",
                right=True,
            ),
        ],
    ),
    Question(
        "A network of twenty ReLU layers starts with kernels that are too small, and does not "
        "learn. In which of its layers is the gradient tiny?",
        [
            Answer(
                "In the first ones: it vanishes on its way back",
                "That is the picture for the sigmoid. With ReLU and biases at zero, kernel times "
                "gradient adds up to the same number in every layer.",
            ),
            Answer(
                "In all of them alike",
                "The lines of the figure are flat, only very low. So a remedy for the first "
                "layers alone would not help; the scale of the first weights does.",
                right=True,
            ),
            Answer(
                "In none: only the outputs are small, and the loss corrects for that",
                "The outputs are small because every layer shrinks them, and the gradient passes "
                "through the same kernels on its way back.",
            ),
            Answer(
                "In none that matters: Adam divides by the gradient's size",
                "It divides by that size plus $\\epsilon$, and beside a gradient of $10^{-12}$ "
                "the usual $\\epsilon$ is enormous. The chapter made it smaller, and the loss "
                "began to fall.",
            ),
        ],
    ),
]
