"""Five questions on saliency: what a map answers, what a baseline hides, what a test needs."""

from course_lib.quizzes import Answer, Question

__all__ = ["QUESTIONS"]

QUESTIONS = [
    Question(
        "The gradient of the score by a pixel is zero. A colleague concludes that the pixel played "
        "no part in the answer. What do you say?",
        [
            Answer(
                "True: a gradient of zero means that the score does not depend on the pixel",
                "It does not depend on it *nearby*. For $\\min(x, 1)$ at $x = 2$ the gradient is "
                "zero, and yet without the input the score would be 0.",
            ),
            Answer(
                "False: the gradient must have been computed wrongly",
                "It may be exactly right. A saturated score is flat, and central differences find "
                "it flat as well.",
            ),
            Answer(
                "That does not follow: a small change does nothing, but its absence might",
                "The gradient answers a question about small changes. What the pixel added, "
                "compared with a baseline, is another question: integrate along the path.",
                right=True,
            ),
        ],
    ),
    Question(
        "Your integrated gradients add up to two thirds of the change of the score. What is the "
        "first thing to try?",
        [
            Answer(
                "Take more steps, and see whether the gap closes",
                "The integral is complete, a sum only nearly. If the gap stays with more steps, "
                "look for a fault, such as a missing factor $x_i - x'_i$.",
                right=True,
            ),
            Answer(
                "Scale all values up, so that they add up",
                "Then the check is satisfied and the values are as wrong as before. You have "
                "silenced the one alarm that needs no truth.",
            ),
            Answer(
                "Another baseline: with the right one they add up",
                "Completeness holds for every baseline; the chapter checks black, a mean image "
                "and noise. The baseline changes the question, not the sum's error.",
            ),
            Answer(
                "Nothing: the rest is the part of the score that no pixel explains",
                "The integral leaves no rest. A bias of the network drops out of the "
                "difference between the two scores.",
            ),
        ],
    ),
    Question(
        "In your X-rays the finding is black. Integrated gradients from a black baseline leave it "
        "empty. What does this tell you about the network?",
        [
            Answer(
                "It does not use the finding",
                "It might use nothing else. A pixel that equals the baseline gets zero whatever "
                "the network does with it.",
            ),
            Answer(
                "Nothing: what equals the baseline gets no credit",
                "The factor $x_i - x'_i$ is zero there. From white, black pixels get "
                "more than half of all credit on Fashion-MNIST.",
                right=True,
            ),
            Answer(
                "It uses the finding, but only through its neighbors",
                "The map cannot tell. It would be empty on black pixels for any network.",
            ),
            Answer(
                "It needs more steps along the path",
                "Zero times any sum is zero. Steps help with the sum, not with the factor.",
            ),
        ],
    ),
    Question(
        "You replace all weights by random ones. The sizes of a method's map keep their order "
        "nearly as it was. What do you conclude?",
        [
            Answer(
                "The method fails: its maps do not depend on the network",
                "This is what you would have said of gradient times input on Fashion-MNIST. On "
                "photographs, where no background is zero, the likeness was gone.",
            ),
            Answer(
                "The method is stable, which speaks for it",
                "Stable against *noise* would be a virtue. Here the network itself was taken away, "
                "and an explanation of it should notice.",
            ),
            Answer(
                "The random network resembles the trained one in what it attends to",
                "It has learned nothing, and its answers are guesses. Look for what the two maps "
                "share other than a network: the picture.",
            ),
            Answer(
                "Nothing yet: compare with a map that knows no network",
                "The picture itself was as similar to that map. Without this control the data's "
                "background is mistaken for the method's blindness.",
                right=True,
            ),
        ],
    ),
    Question(
        "Two networks start from the same weights. One learns the true labels, the other random "
        "ones. A method gives them nearly the same maps. What does the method show?",
        [
            Answer(
                "What both networks have learned about clothes",
                "The second one learned no more than a list by heart. And another network that "
                "learned the truth, from another start, was *less* like the first.",
            ),
            Answer(
                "Mostly the image, through filters that were there before any training",
                "The two share their start, and that is what guided backpropagation shows. Its "
                "pictures are clean for the same reason.",
                right=True,
            ),
            Answer(
                "That random labels can be learned only by looking at the right places",
                "Six other methods gave the two networks quite different maps. The likeness "
                "belongs to this method.",
            ),
        ],
    ),
]
