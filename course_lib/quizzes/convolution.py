"""Five questions on convolution: what it assumes, what it computes, what it costs."""

from course_lib.quizzes import Answer, Question

__all__ = ["QUESTIONS"]

QUESTIONS = [
    Question(
        "You shuffle the pixels of every picture, in training and in test, by one fixed "
        "permutation. Who suffers?",
        [
            Answer(
                "The dense network: its weights no longer meet the pixels they belong to",
                "A dense layer treats a picture as a list. It learns the shuffled list as well as "
                "the other, because the order is the same in training and in test.",
            ),
            Answer(
                "The convolutional network: neighbors no longer belong together",
                "A kernel looks at pixels that are side by side, and after the shuffle these have "
                "nothing to do with each other. Exercise 6 measures it.",
                right=True,
            ),
            Answer(
                "Both: no picture can be recognized after a shuffle",
                "*You* cannot recognize it. A network that never used the neighborhood loses "
                "nothing.",
            ),
            Answer(
                "Neither: the pixels are all still there",
                "All the information is there, but a convolution can use it only where it is "
                "local, and the shuffle has strewn it over the picture.",
            ),
        ],
    ),
    Question(
        "A layer has 32 filters of 3 by 3 on 16 channels, with biases. How many numbers does it "
        "learn, and how does that change if the picture gets twice as wide and high?",
        [
            Answer(
                "$3 \\cdot 3 \\cdot 32 + 32 = 320$; it does not change",
                "It is true that it does not change. But each filter reaches through all 16 input "
                "channels.",
            ),
            Answer(
                "$(3 \\cdot 3 \\cdot 16 + 1) \\cdot 32 = 4640$; it becomes four times as much",
                "The count is right. But the same kernel slides over every position, so more "
                "positions need more *work* and no more weights.",
            ),
            Answer(
                "$(3 \\cdot 3 \\cdot 16 + 1) \\cdot 32 = 4640$; it does not change",
                "Each filter has a weight for each place and channel of its window, and one bias. "
                "The size of the picture does not occur in it.",
                right=True,
            ),
        ],
    ),
    Question(
        "What do the layers that libraries call *convolution* compute?",
        [
            Answer(
                "A cross-correlation: the kernel is laid on the picture as it is",
                "The mathematicians' convolution turns the kernel around first. For learned "
                "weights it makes no difference; for weights you write by hand it does.",
                right=True,
            ),
            Answer(
                "A convolution as mathematicians define it, with the kernel turned around",
                "Compare with `scipy.signal`: Keras agrees with `correlate2d`, not with "
                "`convolve2d`.",
            ),
            Answer(
                "A product of the whole picture with a matrix of free weights",
                "It can be written as a matrix product, but the weights of that matrix repeat: "
                "the same few numbers at every position. Free weights make a dense layer.",
            ),
        ],
    ),
    Question(
        "A network of convolutions with stride 2, pooling and a dense head sees a picture moved by "
        "three pixels. What can you rely on?",
        [
            Answer(
                "Its answer stays: convolutions are invariant to shifts",
                "One convolution with stride 1 is *equivariant*: its output moves along. Strides "
                "and pooling weaken that, and the dense head has a weight for each place.",
            ),
            Answer(
                "On nothing before you measured it",
                "The chapter moves the pictures and watches the accuracy fall. Being built of "
                "equivariant parts does not make the whole invariant.",
                right=True,
            ),
            Answer(
                "Its answer stays if the shift is a multiple of the strides",
                "That would hold for the feature maps, away from the border. The dense head still "
                "reads each place with other weights.",
            ),
        ],
    ),
    Question(
        "Here a convolutional network has fortyfold fewer weights than a dense one of equal "
        "accuracy. What about its multiply-adds for one picture?",
        [
            Answer(
                "Fortyfold fewer, too: each weight is one multiplication",
                "In a dense layer each weight is used once a picture. A kernel's weight is used at "
                "every position.",
            ),
            Answer(
                "They cannot be compared without a clock",
                "They can be counted exactly from the shapes. Whether a clock agrees is another "
                "question, and the chapter on acceleration asks it.",
            ),
            Answer(
                "About as many: sharing weights does not touch the work",
                "Sharing does touch it: each weight works at hundreds of positions. The claim "
                "below the comparison has the numbers.",
            ),
            Answer(
                "More: each weight works at every position",
                "Fewer weights, more work. A count of parameters says nothing about the time.",
                right=True,
            ),
        ],
    ),
]
