"""Five questions on attention: masks, order, budgets, and what its weights say."""

from course_lib.quizzes import Answer, Question

__all__ = ["QUESTIONS"]

QUESTIONS = [
    Question(
        "Your sentences are padded to one length. A colleague lets the softmax run over all "
        "positions and then sets the weights of the padding to zero. What comes of it?",
        [
            Answer(
                "The right output: padding has weight zero, and that is what a mask is for",
                "The padding is gone, but it has already taken its share in the sum below the "
                "fraction. What is left does not add up to 1.",
            ),
            Answer(
                "NaN, since the softmax of a masked row is not defined",
                "NaN threatens those who put minus infinity on a whole row. Here nothing is "
                "infinite, and so nothing warns you.",
            ),
            Answer(
                "A shrunken average: the more padding, the smaller the output",
                "The weights of the words add up to less than 1. Mask the scores, before the "
                "softmax, as the chapter's function does.",
                right=True,
            ),
        ],
    ),
    Question(
        "One layer of self-attention without positions and without a mask, then the mean over "
        "time. You compare what it makes of 'dog bites man' and of 'man bites dog'. What do you "
        "expect?",
        [
            Answer(
                "The same output, to rounding",
                "Shuffled inputs give shuffled outputs, as the chapter checked, and the mean does "
                "not see a shuffle. The layer reads a bag of words.",
                right=True,
            ),
            Answer(
                "Different outputs: the weights are computed from content, and the content "
                "is arranged differently",
                "The weights depend on which vectors meet, not on where they stand. All three "
                "meet all three in both sentences.",
            ),
            Answer(
                "Different outputs after training, the same before",
                "Training changes the projections. No projection can bring in what is not in the "
                "vectors, and their order is not.",
            ),
            Answer(
                "The same output if there is one head; several heads find the order",
                "Every head is blind to order in the same way. More of them do not see more of it.",
            ),
        ],
    ),
    Question(
        "'The transformer beats the LSTM on Shakespeare.' What does the chapter let you answer?",
        [
            Answer(
                "No: its LSTM was ahead at equal reading, so it is the better model",
                "After three times the reading the transformer was ahead of that same LSTM. One "
                "budget does not make a ranking.",
            ),
            Answer(
                "At which budget? The order changed when the transformer read three times as much",
                "Equal reading, equal time and equal parameters are different races. And a table "
                "of counts beat both networks at the short budget.",
                right=True,
            ),
            Answer(
                "Yes, as soon as both have the same number of parameters",
                "They had, to within a twentieth, in every race. It settled nothing: the budget "
                "of reading did.",
            ),
            Answer(
                "Yes, since a step of a transformer is faster",
                "How much faster depends on the machine. And a fast step may teach less: at equal "
                "reading the transformer was behind.",
            ),
        ],
    ),
    Question(
        "For one prediction you find attention weights that look at quite other words and leave "
        "the probability where it was. What does that show about the learned weights?",
        [
            Answer(
                "They are unfaithful: an explanation with a rival is none",
                "Such rivals exist for words encoded alone, too, where attention ranked words as "
                "leave-one-out did and shuffling it moved the predictions.",
            ),
            Answer(
                "They are faithful: only an adversary could find the rival",
                "Being hard to find says nothing either way. Ask what happens when the learned "
                "weights are shuffled or the words are taken out.",
            ),
            Answer(
                "That the classifier is broken",
                "It was right on more than three quarters of the test sentences. Many weights "
                "lead to one logit in any average of many vectors.",
            ),
            Answer(
                "Little: such weights were found with both encoders",
                "A test that comes out alike for attention that means something and for attention "
                "that means nothing does not tell the two apart.",
                right=True,
            ),
        ],
    ),
    Question(
        "A new layer trains well and its loss falls smoothly. You suspect that it mixes the "
        "examples of a batch, as document 003's does. How do you find out?",
        [
            Answer(
                "Compare its loss with that of a layer known to be right",
                "The faulty layer trains, and a worse loss has a hundred possible reasons. The "
                "chapter's point is that no loss curve shows this fault.",
            ),
            Answer(
                "Change one example of a batch and look at the predictions of the others",
                "An example's output must not depend on its neighbors. In document 003's model "
                "all 32 predictions changed; in the repaired ones none did.",
                right=True,
            ),
            Answer(
                "Count its parameters",
                "The count is the same whichever axis the softmax or the product runs over.",
            ),
            Answer(
                "Check that the output has the right shape",
                "It has. That is the trap: with 32 examples and 32 units all shapes fit.",
            ),
        ],
    ),
]
