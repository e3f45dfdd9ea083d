"""Five questions on recurrence: what a state keeps, how to learn from text, how to judge it."""

from course_lib.quizzes import Answer, Question

__all__ = ["QUESTIONS"]

QUESTIONS = [
    Question(
        "Your task has a lag of 60 steps: what stands at the start decides the answer at the end. "
        "An LSTM as Keras makes it learns nothing. What do you change first?",
        [
            Answer(
                "The number of units: a larger state remembers longer",
                "How fast a unit forgets is set by its forget gate, near 0.73 a step. A thousand "
                "units that forget are no memory.",
            ),
            Answer(
                "The limit of gradient clipping",
                "Clipping shortens gradients that are too long. Here hardly anything arrives "
                "from 60 steps back, and a limit does not lengthen it.",
            ),
            Answer(
                "The bias of the forget gate, so that the gate starts open",
                "With a bias of 3, every seed solved the chapter's task, and with the default none "
                "did in the same 200 steps. Choose $b$ such that $\\sigma(b)^{60}$ is not nothing.",
                right=True,
            ),
            Answer(
                "Nothing about the memory: an LSTM has no vanishing gradient, so look elsewhere",
                "It keeps a gradient as far as its forget gate is open. Fresh from Keras, it lost "
                "its gradient faster than a plain layer that starts from a rotation.",
            ),
        ],
    ),
    Question(
        "The bound on the gradient of a plain layer grows by 1.5 a step, and the measured gradient "
        "by about 1.05. Which explanation fits?",
        [
            Answer(
                "The bound is wrong: it should hold with equality",
                "It multiplies the *largest* stretch by the *largest* slope, and so is an upper "
                "limit. The card says that all measured gradients stay below it.",
            ),
            Answer(
                "The slopes of the tanh are far below one, since its states are pushed to the ends",
                "Each step multiplies by the matrix and by these slopes. A large matrix pushes the "
                "states to where the slopes are small: explosion and saturation work against each "
                "other.",
                right=True,
            ),
            Answer(
                "The matrix stretches most directions by less than 1.5",
                "It is 1.5 times a matrix that only rotates and mirrors, so it stretches every "
                "direction by exactly 1.5.",
            ),
        ],
    ),
    Question(
        "A friend shows you text from her character model. It has speakers, verse lines and mostly "
        "English words. How good is the model?",
        [
            Answer(
                "You cannot tell: ask for bits per character on held-out text, beside counted "
                "n-grams",
                "The chapter's network writes such text after one reading, and a table of counts "
                "that took less than a second to make beats it.",
                right=True,
            ),
            Answer(
                "Good: form and spelling are what it was trained for",
                "It was trained to give the next character a high probability. How often it does "
                "so on new text is a number, and a pretty sample does not show it.",
            ),
            Answer(
                "Ask for its training loss, which says it in one number",
                "On text that it has read, a model may be good by heart. And any number needs "
                "another beside it: what does counting reach?",
            ),
            Answer(
                "Compare its samples with those from before the training",
                "Before training it writes noise. That shows that something was learned, and "
                "nothing about how much there was to learn.",
            ),
        ],
    ),
    Question(
        "A generator writes *the strange the strange the strange* and does not stop. What is the "
        "likely cause?",
        [
            Answer(
                "Overfitting: it recites a passage of its training text",
                "No play has this passage. The loop is made while writing, by the choice of "
                "each next character.",
            ),
            Answer(
                "A temperature that is too high",
                "A high temperature draws unlikely characters, and words fall apart. That is the "
                "other end of the scale.",
            ),
            Answer(
                "A state that is too small to notice the repetition",
                "Models thousands of times larger loop in the same way when they always take the "
                "likeliest word.",
            ),
            Answer(
                "It always takes the likeliest character",
                "After one round of the loop the state is nearly what it was before, so the same "
                "choice follows. Draw from the probabilities instead.",
                right=True,
            ),
        ],
    ),
    Question(
        "Among 160 units you find one that follows speakers' names with a correlation above 0.8. "
        "What do you need before you say that training made a unit for names?",
        [
            Answer(
                "A picture of a passage in which the unit lights up",
                "With 160 units to choose from, something will look meaningful. A picture is "
                "chosen, too.",
            ),
            Answer(
                "Nothing more: 0.8 is far from zero",
                "You took the best of 160, on the text you looked at. And zero is the wrong thing "
                "to compare with.",
            ),
            Answer(
                "Its correlation on other text, and the same search in a network never trained",
                "For names the trained network stayed far ahead. For the place in the line and "
                "the letters of a word the comparison taught caution.",
                right=True,
            ),
        ],
    ),
]
