"""Five questions on few labels: what a query doubts, what proves it, what a start is for."""

from course_lib.quizzes import Answer, Question

__all__ = ["QUESTIONS"]

QUESTIONS = [
    Question(
        "A learner has seen 20 labels of ten classes, and the entropy query chooses the next 20. "
        "What will they look like?",
        [
            Answer(
                "A fair mix of all classes, since it is unsure of everything",
                "It is unsure of everything, but not equally. It takes the extremes, and these are "
                "of one kind more often than chance would have it.",
            ),
            Answer(
                "Pairs that are hard to tell apart, such as shirts and coats",
                "That is what the margin asks for. Entropy also counts the classes that are far "
                "behind, and early on there are many of these.",
            ),
            Answer(
                "They lean to one class, which resembles nothing it knows",
                "The cold start. The claim below the bars compares the most frequent class of the "
                "first purchase with what a lot buys.",
                right=True,
            ),
        ],
    ),
    Question(
        "A colleague's query beats random choice by two points on one pool with one start. What do "
        "you conclude?",
        [
            Answer(
                "It works: two points are more than the standard error on 2,000 test images",
                "That error is about the test images alone. The pool, the first labels and the "
                "lot differ from run to run as well, and they move the gain by points.",
            ),
            Answer(
                "Nothing yet: run both on several pools, with the same start for both",
                "In the chapter the gain of one query varies by two or three points between runs. "
                "Eight paired runs show which gains are more than luck.",
                right=True,
            ),
            Answer(
                "It works if it leads at every number of labels, not at the last one only",
                "The points of one curve share their first labels. A lucky start lifts all of "
                "them.",
            ),
        ],
    ),
    Question(
        "Your pool holds the frames of a film: every scene many times, hardly changed. Which way "
        "of choosing 20 frames serves you worst?",
        [
            Answer(
                "The largest entropies",
                "Frames are scored one by one. If one is worth a label, so are its copies: in the "
                "chapter, 20 labels bought only a few different pictures.",
                right=True,
            ),
            Answer(
                "A lot, because it knows nothing of copies",
                "It needs to know nothing. With 200 scenes of ten copies each, 20 draws rarely "
                "meet one scene twice.",
            ),
            Answer(
                "The core-set query, because copies all lie in one place",
                "That is why it takes only one of them: after the first, the others are not far "
                "from a label any more.",
            ),
            Answer(
                "All are alike: a label is a label",
                "The second label of a frame that you know tells you nothing new. Count the "
                "different scenes that each way shows you.",
            ),
        ],
    ),
    Question(
        "After contrastive pretraining, a linear classifier with 100 labels is right on about 70 % "
        "of ten classes. What did the pretraining give?",
        [
            Answer(
                "Some sixty points, since chance is right on ten",
                "Most of them are there without it. A linear classifier on bare pixels comes "
                "close.",
            ),
            Answer(
                "You cannot say before you ran the same classifier on an untrained network and on "
                "the pixels",
                "Here these two come within a few points of it. What the pretraining gave is the "
                "difference to them, on the same draws of labels.",
                right=True,
            ),
            Answer(
                "Nothing: without labels, nothing about classes can be learned",
                "It was better than the untrained network, and the longer pretraining of the "
                "recorded run was better at every number of labels.",
            ),
            Answer(
                "As much as a CNN from scratch lacks to 70 %",
                "The CNN from scratch reaches about as much with the same 100 labels. It is one "
                "more thing to compare with, not the measure of features.",
            ),
        ],
    ),
    Question(
        "You test the start that MAML has found *before* any step on a new task. Its error is as "
        "large as that of a network trained on all tasks together. Is something broken?",
        [
            Answer(
                "Yes: a start that was trained on all tasks should be better from the beginning",
                "Nothing in its loss asks for that. The loss is taken after the step.",
            ),
            Answer(
                "Yes: the second derivatives must have been left out",
                "The first-order form takes its loss after the step, too. And its start is as "
                "useful after one step, or nearly so, and as useless before.",
            ),
            Answer(
                "No: it was trained to be a good place to leave from",
                "With one step on ten points its error falls to less than half of what the other "
                "network has after one step.",
                right=True,
            ),
            Answer(
                "No: with enough steps both starts come to the same error",
                "Within the ten steps of the figure they do not. And the point of a start is that "
                "few steps suffice.",
            ),
        ],
    ),
]
