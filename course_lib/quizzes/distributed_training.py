"""Five questions on many workers: what must be kept equal, what it costs, when to stop."""

from course_lib.quizzes import Answer, Question

__all__ = ["QUESTIONS"]

QUESTIONS = [
    Question(
        "Two workers have 9 and 16 examples of a batch. Each takes the mean of its gradients, and "
        "the mean of the two means is used. What is wrong?",
        [
            Answer(
                "Nothing: a mean of means is a mean",
                "Only if the means are of equally many. Here an example in the small shard counts "
                "almost twice as much as one in the large.",
            ),
            Answer(
                "The step is twice as long as it should be",
                "That would be the *sum* of the two means, another mistake of the same family.",
            ),
            Answer(
                "Examples of the smaller shard count more than the others",
                "Divide sums by the global batch. The mistake raises no error, and the loss looks "
                "healthy.",
                right=True,
            ),
            Answer(
                "The two workers' copies drift apart",
                "Both get the same wrong gradient and make the same step, so they stay equal. They "
                "are not equal to one worker.",
            ),
        ],
    ),
    Question(
        "One of two workers is killed in the middle of an epoch, and the job is started again with "
        "its backup folder. When do you get exactly the model of an undisturbed run?",
        [
            Answer(
                "Always: the weights are in the backup",
                "The momentum belongs to the state, too, and the second half must see the same "
                "examples in the same order.",
            ),
            Answer(
                "If the optimizer's state is saved and the order depends on seed and epoch alone",
                "Then the restarted process knows what comes next without having lived through "
                "the epochs before. In the chapter the weights are equal to the last bit.",
                right=True,
            ),
            Answer(
                "Never: a lost half of an epoch cannot be made up for",
                "It is done again, from the last backup. That costs time, and nothing else.",
            ),
            Answer(
                "If the other worker goes on alone and finishes the epoch",
                "Half a gradient is no gradient. A synchronous training stops as a whole, and that "
                "is right.",
            ),
        ],
    ),
    Question(
        "You go from 8 workers to 16, the gradient is large, and the wires are the same. What "
        "happens to the bytes that each worker sends in a ring all-reduce?",
        [
            Answer(
                "They hardly change",
                "Each sends about twice the gradient, however many there are. What doubles is the "
                "number of messages.",
                right=True,
            ),
            Answer(
                "They double, since there are twice as many to talk to",
                "In a ring each talks to its right neighbor alone.",
            ),
            Answer(
                "They halve, since each chunk is half as large",
                "And there are twice as many steps, each with one chunk.",
            ),
        ],
    ),
    Question(
        "After 24 steps your loop over two processes has the weights of `fit`, up to rounding. "
        "After 96 steps it has not. What do you conclude?",
        [
            Answer(
                "There is a mistake that shows only later, such as in the last batch",
                "Possible, but this is no sign of it. First see how far `fit` parts from itself "
                "when its first weights are nudged in the seventh digit.",
            ),
            Answer(
                "The two processes have lost each other's gradients",
                "Then they would differ from each other. Compare the two copies: they agree in "
                "every bit.",
            ),
            Answer(
                "Nothing yet: training multiplies differences of rounding",
                "The chapter shows it without any workers: a nudge grows more than a "
                "thousandfold. Test equality early, at a small rate.",
                right=True,
            ),
        ],
    ),
    Question(
        "You have four times the workers and let the batch grow with them. When does that save "
        "time?",
        [
            Answer(
                "Always: four times the examples a second are four times the progress",
                "Examples a second are not progress. Above the critical batch size the steps "
                "hardly become fewer.",
            ),
            Answer(
                "Never: large batches make worse models",
                "With a learning rate of their own they reach the same loss. The question is how "
                "many examples they take for it.",
            ),
            Answer(
                "As long as communicating takes no time",
                "It helps, but even free wires do not help a batch that is large already.",
            ),
            Answer(
                "As long as the batch stays well below the critical size",
                "Down there a larger batch needs fewer steps almost in proportion. Far above, "
                "four times the examples do not even halve the steps.",
                right=True,
            ),
        ],
    ),
]
