"""Five questions on speed: which of three costs you pay, and what a measurement says."""

from course_lib.quizzes import Answer, Question

__all__ = ["QUESTIONS"]

QUESTIONS = [
    Question(
        "A new processor has twice the arithmetic of your old one and the same memory. How much "
        "faster does a ReLU over a large array become?",
        [
            Answer(
                "Twice as fast: it is arithmetic, though little",
                "It is so little that the processor waits for the numbers. On the roofline a ReLU "
                "sits on the slope, where the peak does not occur.",
            ),
            Answer(
                "Not faster",
                "It does a fraction of an operation for each byte that it moves. What would help "
                "is not to store its input at all: to compute it in the pass before.",
                right=True,
            ),
            Answer(
                "A little faster, since half of the time is arithmetic",
                "Arithmetic and memory work at the same time, and the slower of the two decides. "
                "Here that is memory, by far.",
            ),
        ],
    ),
    Question(
        "You halve the parameters of a convolutional network by shrinking its hidden dense layer. "
        "What happens to the time of a training step?",
        [
            Answer(
                "It falls to about half",
                "That would need work and weights to sit in the same place. A convolution uses "
                "each weight at every position, the dense layer once.",
            ),
            Answer(
                "It grows: the convolutions must make up for it",
                "Their shapes have not changed, and with them neither has their work.",
            ),
            Answer(
                "It falls by a quarter, for one of the two passes",
                "Backward and forward both count the same products. Almost none of these are in "
                "the dense layer.",
            ),
            Answer(
                "It stays about the same: nearly all of the work is in the convolutions",
                "For document 004's network less than three percent of the operations go. You "
                "have saved memory, not time.",
                right=True,
            ),
        ],
    ),
    Question(
        "Steps of 512 images train on more images a second than steps of 16. Your colleague "
        "changes the batch and nothing else, and calls it an acceleration. What do you measure?",
        [
            Answer(
                "The time until both reach the same accuracy",
                "After the same images the large steps were far behind, because there were fewer "
                "of them. Images a second is not progress a second.",
                right=True,
            ),
            Answer(
                "The time for an epoch, as both see the same images in it",
                "That is images a second in other words. The epoch is shorter, and teaches less.",
            ),
            Answer(
                "The processor's load, which shows whether the toll is gone",
                "The toll is smaller, and the load higher. Neither says what the network has "
                "learned.",
            ),
        ],
    ),
    Question(
        "Your step waits for its data nine tenths of the time. Reading ahead in a thread changes "
        "nothing. The reader decodes and shrinks photos on the same cores. What helps?",
        [
            Answer(
                "A longer queue, so that more batches lie ready",
                "A queue evens out short delays. If reading is slower than the step on average, "
                "any queue runs empty.",
            ),
            Answer(
                "A faster processor for the network",
                "The step would be done sooner and wait longer.",
            ),
            Answer(
                "Doing the shrinking once and keeping the result",
                "Reading ahead hides waiting, but decoding is work. Kept in memory, a later epoch "
                "took less than half as long in the chapter.",
                right=True,
            ),
            Answer(
                "Smaller batches, which are read faster",
                "Then there are more of them. The photos to decode are the same.",
            ),
        ],
    ),
    Question(
        "In `float16` many of the gradients become zero, and yet the network learns as well as "
        "before. How does that fit together?",
        [
            Answer(
                "Zeros are refilled by the optimizer's averages",
                "The averages are made of gradients that arrive. They do not know what was lost on "
                "the way.",
            ),
            Answer(
                "What vanished is many numbers, but hardly any of the gradient's length",
                "The second card says so: together they are less than a thousandth as long as the "
                "whole. Another network may lose more, so scale the loss all the same.",
                right=True,
            ),
            Answer(
                "It cannot: something else must have changed",
                "Count by length instead of by number, and it fits.",
            ),
            Answer(
                "Small gradients belong to weights that are done learning",
                "A gradient is small for many reasons, and these are gradients by the outputs of a "
                "layer, not by weights.",
            ),
        ],
    ),
]
