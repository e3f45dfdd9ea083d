"""Five questions on data quality: who suffers, what can be repaired, and what a test is worth."""

from course_lib.quizzes import Answer, Question

__all__ = ["QUESTIONS"]

QUESTIONS = [
    Question(
        "One value in a hundred of your table is absurd, in training and in use, and you may not "
        "clean it. Which model do you take?",
        [
            Answer(
                "Logistic regression: it is simple, so it cannot learn the outliers by heart",
                "It does not learn them by heart, it adds them up. One absurd summand spoils the "
                "sum; it lost more than eight points for every seed.",
            ),
            Answer(
                "A network: it is flexible enough to ignore them",
                "It begins by adding up its inputs, too, and lost about as much as the linear "
                "model.",
            ),
            Answer(
                "A random forest: it asks only whether a value lies above a threshold",
                "Ten deviations above is still above. The forest lost less than three points for "
                "every seed.",
                right=True,
            ),
            Answer(
                "Any of them: one in a hundred is too little to matter",
                "With 64 values to an example, nearly half of the examples have at least one.",
            ),
        ],
    ),
    Question(
        "In a survey the rich leave out their income. You fill the gaps by a regression on the "
        "other columns, and the result looks plausible. What about the mean income?",
        [
            Answer(
                "It is right: the regression uses all that the table knows",
                "The table knows only those who answered. For values missing *at random* this "
                "repaired more than half of the shift; here the reason is the value itself.",
            ),
            Answer(
                "It is too low, and nothing in the table gives it away",
                "The same gaps could have come about at random. Only someone who knows how the "
                "data were collected can tell.",
                right=True,
            ),
            Answer(
                "It is too low, but a cross-validation of the regression shows it",
                "The validation is made on those who answered, too. For them the regression may "
                "be excellent.",
            ),
            Answer(
                "It is right if the gaps are filled with the mean instead",
                "Of the three methods the mean erred most: it fills in what the others have on "
                "average.",
            ),
        ],
    ),
    Question(
        "Confident learning lists hundreds of suspects among 10,000 training images of "
        "Fashion-MNIST. What is a sound use of the list?",
        [
            Answer(
                "Delete them all: the networks are confident that the labels are wrong",
                "Most suspects lie among shirts and their like. Some are hard images with the "
                "right label, and they would go as well.",
            ),
            Answer(
                "Give them the labels that the networks suggest",
                "Then a bag that looks like a shirt becomes one. A network that cannot see what "
                "makes a shirt would write its own mistakes into the data.",
            ),
            Answer(
                "Ignore it: nobody knows which of them are wrong",
                "Of planted errors it found more than three quarters. As an order in which to "
                "look, that is worth much.",
            ),
            Answer(
                "Look at these first",
                "Wrong labels, two garments in one picture, hard cases: only a person can tell "
                "them apart, and the list says where to begin.",
                right=True,
            ),
        ],
    ),
    Question(
        "A fifth of your training labels is wrong, uniformly, and you have a small clean "
        "validation set. Which remedy do you try first?",
        [
            Answer(
                "Stop the training at the best epoch by the validation set",
                "The network learns what is common first and the errors later. Between the best "
                "epochs, leaving out suspects was worth less than half as much as at the end.",
                right=True,
            ),
            Answer(
                "Train longer, until the errors average out",
                "Longer training is how the errors are learned by heart: the network was best in "
                "the first half and then lost more than three points.",
            ),
            Answer(
                "A larger network, which can tell right labels from wrong ones",
                "More capacity is more room for errors. With 40 % of wrong labels the network "
                "lost more than the linear model.",
            ),
            Answer(
                "Augmentation, which makes the wrong labels rarer",
                "A shifted image with a wrong label is a second image with a wrong label. It may "
                "help, as the next chapter measures, but their share stays.",
            ),
        ],
    ),
    Question(
        "Each step was done on all data, before the split. Where do you expect a result that is "
        "far too good, even if there is nothing to learn?",
        [
            Answer(
                "With standardization: the test set's mean has leaked",
                "It has, and on pure noise nothing could be measured. A mean never sees a label. "
                "Do it inside all the same.",
            ),
            Answer(
                "With choosing the columns that go best with the labels",
                "Among 2,000 columns of noise some agree with all labels by chance, with those of "
                "the test set, too. So did SMOTE, whose new rows lie between test and training.",
                right=True,
            ),
            Answer(
                "With all of them about equally, since a leak is a leak",
                "The three were measured side by side. What counts is whether the labels, or the "
                "test rows themselves, went through the leak.",
            ),
            Answer(
                "With none of them if the model is simple enough",
                "The model was logistic regression. The harm is done before any model sees the "
                "data.",
            ),
        ],
    ),
]
