"""Five questions on explanations from outside: what they ask, and what they cannot see."""

from course_lib.quizzes import Answer, Question

__all__ = ["QUESTIONS"]

QUESTIONS = [
    Question(
        "Two colleagues explain the same input of the same model with LIME. One line rises, the "
        "other falls, and both fit well. Who made a mistake?",
        [
            Answer(
                "The one with fewer samples: the lines differ by chance",
                "With few samples LIME does wobble from seed to seed. But two good fits with "
                "opposite slopes need another reason, and the first figure shows it.",
            ),
            Answer(
                "Perhaps neither: they may have used different widths",
                "A narrow kernel asks about the neighborhood, a wide one about the whole. The "
                "question that LIME answers contains $\\sigma$.",
                right=True,
            ),
            Answer(
                "Both: a model cannot rise and fall at one point",
                "At the point itself it cannot. But neither line is the slope at the point; each "
                "is a fit over a region of its own.",
            ),
        ],
    ),
    Question(
        "The word 'bad' alone lowers a critic's score. Can its Shapley value in a text be "
        "positive?",
        [
            Answer(
                "No: a feature that lowers the score alone gets a negative share",
                "What it does alone is only one of the orders. The mean is over all of them.",
            ),
            Answer(
                "Only if the background contains the word as well",
                "The background shifts what a share is measured from. In the toy critic's game "
                "none was needed: 'bad' earned $-1$ alone and got 0.5.",
            ),
            Answer(
                "Yes, if it adds enough to coalitions with other words",
                "'So bad it is good': arriving second, it adds 2. The mean of $-1$ and 2 is "
                "positive.",
                right=True,
            ),
            Answer(
                "Yes, but then efficiency is violated",
                "The shares 3.5 and 0.5 sum to 4, what both earn together. Efficiency holds by "
                "construction.",
            ),
        ],
    ),
    Question(
        "Radius, perimeter and area each have a small permutation importance. May you drop all "
        "three columns?",
        [
            Answer(
                "Not for this reason: while one is shuffled, the other two fill in",
                "Shuffled together they cost more than the three single numbers in sum. Shuffle "
                "groups that belong together.",
                right=True,
            ),
            Answer(
                "Yes: what is worth little can go, and three times little is little",
                "The single numbers do not add up to what the group is worth. For every seed the "
                "three together cost more than their sum.",
            ),
            Answer(
                "Yes, as long as the importance was measured on new rows",
                "New rows are right, and do not help here. The trouble is that the columns say "
                "nearly the same.",
            ),
            Answer(
                "No: permutation importance is wrong, Shapley values would tell",
                "Shapley values split the credit as well, and they ask about the same impossible "
                "rows.",
            ),
        ],
    ),
    Question(
        "A tree calls a film review positive because the words 'boring' and 'awful' are *not* in "
        "it. What will LIME for texts name?",
        [
            Answer(
                "'boring' and 'awful', with weights that speak for the film",
                "LIME takes out words that are there. These two cannot be taken out, so no sample "
                "ever changes them.",
            ),
            Answer(
                "Words of the review: it has no way to name an absent one",
                "More than three of four questions of the chapter's tree were about absent words, "
                "and the score of the famous experiment does not count them.",
                right=True,
            ),
            Answer(
                "Nothing, and a fidelity of zero warns you",
                "It may well find words that matter too, and fit them. Fidelity is measured on "
                "samples that lack the same words, so it does not warn you.",
            ),
        ],
    ),
    Question(
        "LIME and SHAP both say that a supplier's model uses *area*. The use of *texture* is "
        "forbidden. Which check would you add before you sign?",
        [
            Answer(
                "More samples and another seed for both",
                "The deception does not come from chance. More hybrids give the same answer, only "
                "more surely.",
            ),
            Answer(
                "A third method by perturbation, from another package",
                "It would ask about made-up rows as well. The packages `lime` and `shap` were "
                "deceived like our versions.",
            ),
            Answer(
                "The accuracy on new tumors",
                "What a model decides *by* does not show in how often it is right. Two models may "
                "be equally accurate for different reasons.",
            ),
            Answer(
                "A small tree trained on the model's answers to real rows",
                "The liar shows its true face on real rows. There a tree of one question asked "
                "about texture, and on hybrids about area: the mismatch is the alarm.",
                right=True,
            ),
        ],
    ),
]
