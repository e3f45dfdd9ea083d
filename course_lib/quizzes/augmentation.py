"""Five questions on augmentation: what may change, what it is worth, and how it fails unseen."""

from course_lib.quizzes import Answer, Question

__all__ = ["QUESTIONS"]

QUESTIONS = [
    Question(
        "Mirroring is worth points on photos of animals and cars. Will you mirror X-rays of the "
        "chest, of which some show a heart on the wrong side?",
        [
            Answer(
                "Yes: it helped on photos, and an X-ray is a photo",
                "The same change gained points on photos and cost points on digits. What helps "
                "depends on the labels, not on the kind of file.",
            ),
            Answer(
                "No: here left and right decide, so the mirrored image has another label",
                "A mirrored healthy chest looks like the one with the heart on the wrong side. "
                "You would train on wrong labels, in just the class that is rare.",
                right=True,
            ),
            Answer(
                "Yes, and if it harms, the mean accuracy will show it",
                "If one rare class pays, the mean hardly moves. The chapter found its sixes and "
                "nines by looking at single classes.",
            ),
        ],
    ),
    Question(
        "You add a random rotation before the network. The loss falls as before, and the test "
        "accuracy stays where it was, to the last digit. What is your first suspicion?",
        [
            Answer(
                "The network was invariant to rotation already",
                "Even then other images would lead to other weights, and to another last digit.",
            ),
            Answer(
                "The data set is large enough, so augmentation brings nothing",
                "The curves do close up as images become more. But bringing nothing is not the "
                "same as changing nothing.",
            ),
            Answer(
                "The rotation is too strong for the network",
                "That would show: shifts that were too strong cost many points. Nothing at all is "
                "another symptom.",
            ),
            Answer(
                "The change does not happen: a switched-off layer or a wrong range",
                "An augmentation that does nothing raises no error. Look at the images that enter "
                "the training, or let a check do it.",
                right=True,
            ),
        ],
    ),
    Question(
        "Nobody knows how users will hold the camera, so you train the digits on all angles, to "
        "be on the safe side. What does it cost if they hold it upright?",
        [
            Answer(
                "Accuracy: the network pays for angles that never come",
                "The curve is flat, and below the others where the test images really are. Trained "
                "on all angles, the network also takes more sixes for nines.",
                right=True,
            ),
            Answer(
                "Nothing but training time: upright images are among the angles",
                "They are one angle of many. With the same network and steps the digits lost "
                "accuracy for every seed.",
            ),
            Answer(
                "Nothing: more variety improves generalization",
                "Variety is not the aim; wrong labels are various, too. Generalization to what?",
            ),
            Answer(
                "A little confidence, but no right answers",
                "That is what shifts did on clothes, the other way around: better probabilities, "
                "hardly more right answers. All angles cost right answers.",
            ),
        ],
    ),
    Question(
        "To save time, you shift every digit once, store the result, and train on that in place "
        "of the originals. What do you expect?",
        [
            Answer(
                "The full gain: every image was shifted",
                "Each image is still seen in one place only. Nothing tells the network that the "
                "place does not matter.",
            ),
            Answer(
                "A part of the gain, since there are fewer draws",
                "A few copies *beside* the original bring a part, even most of it. One copy in its "
                "place is something else.",
            ),
            Answer(
                "No difference: a shifted digit is as good as a centered one",
                "As a single image it is. But the test images are centered, and the training "
                "images no longer are.",
            ),
            Answer(
                "Less than without shifts",
                "It is one fixed data set, less like the test images, for every seed. The gain "
                "comes from the same image in several places.",
                right=True,
            ),
        ],
    ),
    Question(
        "On clothes, shifts leave the accuracy about where it was and lower the negative "
        "log-likelihood for every seed. Should you use them?",
        [
            Answer(
                "No: what does not raise the accuracy is useless",
                "If the probabilities are used further on, lower costs of sure mistakes are worth "
                "having. Accuracy does not see them.",
            ),
            Answer(
                "Yes: a lower loss is always better",
                "Only if you need what the loss measures. For picking the top answer nothing was "
                "gained.",
            ),
            Answer(
                "It depends on whether you need right answers or good probabilities",
                "Decide which of the two scores you need before you look at either. The networks "
                "are less sure of their mistakes, and make about as many.",
                right=True,
            ),
            Answer(
                "The two scores contradict each other, so one was measured wrongly",
                "They measure different things. A network can make the same mistakes and be less "
                "sure of them.",
            ),
        ],
    ),
]
