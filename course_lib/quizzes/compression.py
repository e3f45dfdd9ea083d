"""Five questions on compression: which cost falls, what comes back, and who pays."""

from course_lib.quizzes import Answer, Question

__all__ = ["QUESTIONS"]

QUESTIONS = [
    Question(
        "You set nine in ten weights to zero and export the network for a phone. What happens to "
        "the file and to the time for an image?",
        [
            Answer(
                "Both fall to about a tenth: nine in ten weights are gone",
                "They are not gone. They are zeros, stored like any number and multiplied like any "
                "number.",
            ),
            Answer(
                "The file shrinks, the time does not: zeros need no space",
                "A zero of four bytes takes four bytes. The file shrinks only if something *codes* "
                "the zeros, as `save_compressed` does and the export does not.",
            ),
            Answer(
                "The time shrinks, the file does not: a product with zero is skipped",
                "The interpreter does not look before it multiplies. On the edge the two models "
                "took the same time, within a factor of two.",
            ),
            Answer(
                "Neither changes much",
                "Measured with the interpreter: the size is the same to a percent. To save both, "
                "cut out whole channels.",
                right=True,
            ),
        ],
    ),
    Question(
        "You prune a network in the middle of training and multiply the gradients of the pruned "
        "weights by zero. An epoch later some of them are not zero. What has happened?",
        [
            Answer(
                "The mask left ties at the threshold, and these grew",
                "Ties are a matter of which weights are dropped. What was dropped would stay "
                "dropped.",
            ),
            Answer(
                "The optimizer still moves by what it remembers",
                "Momentum and Adam's averages hold old gradients, and weight decay moves, too. "
                "Multiply by the mask after every step.",
                right=True,
            ),
            Answer(
                "Neighboring weights pass their gradient on",
                "A weight's update comes from its own gradient alone, and that was zero.",
            ),
        ],
    ),
    Question(
        "Four bits, rounded after training, cost one point on 2,000 test images of ten equal "
        "classes. May you ship it?",
        [
            Answer(
                "Look at the classes first: one may have paid for all",
                "In the chapter one class lost more than eight points, while the average hardly "
                "moved. If that class were rare, the average would not show it at all.",
                right=True,
            ),
            Answer(
                "Yes: one point of 2,000 images is within the noise",
                "The noise of the average is one question. Where the changed answers lie is "
                "another.",
            ),
            Answer(
                "Yes: rounding is blind to classes, so all lose alike",
                "Rounding is blind, classes are not alike: some lie near a border, and a small "
                "change sends many of their images across.",
            ),
            Answer(
                "No: whatever is rounded after training is broken",
                "Eight bits were free and five nearly so, without any training.",
            ),
        ],
    ),
    Question(
        "You prune a layer and share 15 values among the weights that are left, and expect a file "
        "of four bits a weight. It is twice as large. Where are the other bytes?",
        [
            Answer(
                "In the codebook, whose values have 32 bits",
                "It holds 15 of them. In the bars it is hardly visible.",
            ),
            Answer(
                "In the biases, which are not compressed",
                "A layer has a bias for each output, but a weight for each pair of input and "
                "output.",
            ),
            Answer(
                "In the places: the file must say where each weight stays",
                "The gaps between the weights take more bytes than their values. That is the "
                "price of letting a weight stay anywhere.",
                right=True,
            ),
            Answer(
                "In the Huffman tables",
                "They are small beside the rest, and their words save more than they cost.",
            ),
        ],
    ),
    Question(
        "A pruned network errs less than the dense one it was made from. Which run do you ask for "
        "before you call pruning an improvement?",
        [
            Answer(
                "The same pruning with more seeds, to exclude luck",
                "More seeds make the difference certain. They do not say what made it.",
            ),
            Answer(
                "The dense network, trained on for as many epochs",
                "Pruned networks are trained on, dense ones mostly not. In the recorded run this "
                "control errs less, on average, than what came back from the pruned files.",
                right=True,
            ),
            Answer(
                "None: fewer weights overfit less, so it was to be expected",
                "It is a reason that fits afterwards. The chapter's control shows another: longer "
                "training.",
            ),
        ],
    ),
]
