"""Five questions on the crash test: planted truth, what scores can see, and what they cannot."""

from course_lib.quizzes import Answer, Question

__all__ = ["QUESTIONS"]

QUESTIONS = [
    Question(
        "Two models answer the same pictures alike, and interventions show that they do so for "
        "different reasons. A method draws the same sharp map for both. What follows?",
        [
            Answer(
                "It is robust: it explains the picture whichever model is used",
                "It was asked to explain an *answer*. What does not change with the reason cannot "
                "show the reason. The edge detector of the chapter is robust in just this way.",
            ),
            Answer(
                "The map cannot be right for both",
                "One model looks at the garment, the other at the watermark. The control that "
                "never sees the model gives itself away like this.",
                right=True,
            ),
            Answer(
                "The interventions were wrong, since the answers are the same",
                "Equal answers are what the test examples were made for. Replace the watermark: "
                "one model changes its answers, the other does not.",
            ),
        ],
    ),
    Question(
        "On the honest image models a method finds only seven tenths of the garment's patches. Is "
        "that a fault of the method?",
        [
            Answer(
                "Yes: the truth is planted, so all the rest is an error",
                "Planted is what the *label* was made from. The interventions replaced the garment "
                "as a whole and did not ask which of its patches the network uses.",
            ),
            Answer(
                "No: a recall above one half is as good as perfect",
                "There is no such line. What a recall is worth depends on what luck gets and on "
                "what the model really uses.",
            ),
            Answer(
                "It cannot be said: the network may use a part of the garment",
                "High recall is proof, a lower one is not yet a fault. This is a limit of the "
                "bench, and why the first unit is scored as well.",
                right=True,
            ),
        ],
    ),
    Question(
        "Two words of a sentence each suffice for the answer. Which way of asking will overlook "
        "one of them?",
        [
            Answer(
                "Hiding one word at a time",
                "While one is hidden, the other still answers, so the probability hardly moves. "
                "On the honest text occlusion found less than the methods that hide many at once.",
                right=True,
            ),
            Answer(
                "Hiding many words at a time, in random coalitions",
                "In some coalitions the other word is hidden as well, and then the first shows "
                "what it can do. That is why Kernel SHAP is not caught by this.",
            ),
            Answer(
                "Adding up gradients on the way from nothing to the sentence",
                "Early on the way neither word has done its work yet, so both still have slopes. "
                "Integrated gradients found both.",
            ),
        ],
    ),
    Question(
        "A GRU reads a signal, and attention over its states is largest two steps after a click. "
        "May you say that the model answers by what happened at that step?",
        [
            Answer(
                "Yes: attention weights are part of the computation, so they cannot lie",
                "They do not lie. They say from which *state* the answer was read, and that state "
                "has heard everything before it.",
            ),
            Answer(
                "Yes, if another seed puts its attention at the same step",
                "In the chapter each seed settled on another step after the click, and each model "
                "answered by the click. Agreement would not change what a state is.",
            ),
            Answer(
                "No: attention is never related to what a model uses",
                "Over word vectors it found over nine tenths of what the model uses, for every "
                "seed. It depends on what is attended to.",
            ),
            Answer(
                "No: what was read there may have come in earlier",
                "The GRU remembers the click and may be asked for it at any later step. Over "
                "vectors that mix, the place of reading is not the place of the cause.",
                right=True,
            ),
        ],
    ),
    Question(
        "You have no planted truth. An explanation gains clearly over random orders by deletion. "
        "What should you do before you believe it?",
        [
            Answer(
                "Nothing: the score says that what it marks matters to the model",
                "An edge detector, which never saw the model, gained more than half of what the "
                "true cause gained.",
            ),
            Answer(
                "Compare it, by size, with the explanation of a random network",
                "What stays the same has not asked the network. That unmasked the edge detector, "
                "which deletion had let pass.",
                right=True,
            ),
            Answer(
                "Check that it is stable under small changes of the input",
                "The edge detector is very stable. On this bench stability said nothing about "
                "finding the truth.",
            ),
            Answer(
                "Show it to people who know the task",
                "They will tell you whether it is plausible. On the shortcut models the "
                "explanation that marked most of the garment knew nothing of the model.",
            ),
        ],
    ),
]
