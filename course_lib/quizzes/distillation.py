"""Five questions on distillation: when a teacher beats the labels, and what comes over."""

from course_lib.quizzes import Answer, Question

__all__ = ["QUESTIONS"]

QUESTIONS = [
    Question(
        "All 10,000 images have labels, and the teacher is clearly more accurate than any student. "
        "What will it do for a student of 32 units that learns from it alone at temperature 4?",
        [
            Answer(
                "Lift it about half of the way to the teacher",
                "A better teacher can show more, but the student must be able to follow. Most of "
                "the pull at this temperature is on images that both get right already.",
            ),
            Answer(
                "Cost it some accuracy against the labels",
                "In the first figure the gain shrinks with the number of images and turns into a "
                "loss. The student spends its few units on matching ten numbers everywhere.",
                right=True,
            ),
            Answer(
                "Nothing: the largest number of a soft label is the label",
                "Nearly so at temperature 1, where both end within a point. At 4 the other nine "
                "numbers pull as well.",
            ),
        ],
    ),
    Question(
        "You have tuned $\\alpha$ at temperature 1 and now go to 4, with the factor $T^2$ in the "
        "loss. Do teacher and labels keep their proportion?",
        [
            Answer(
                "Yes: that is what the factor is for",
                "It is made for temperatures far above the logits. This teacher's logits are not "
                "small against 4.",
            ),
            Answer(
                "No: the teacher's gradient shrinks by sixteen, so the labels take over",
                "Without the factor it shrinks, but by far less than sixteen between 1 and 4. "
                "With the factor it grows.",
            ),
            Answer(
                "No: the teacher gets more weight than before",
                "At the usual temperatures the factor overcompensates: with it, the gradient more "
                "than doubles. Tune both dials together.",
                right=True,
            ),
            Answer(
                "Yes: a temperature changes no decision, so it changes no gradient",
                "It never changes which number is the largest. The gradient depends on all of "
                "them.",
            ),
        ],
    ),
    Question(
        "A student repeats six in ten of its teacher's mistakes, with the same wrong class. A "
        "colleague concludes that it inherited them. What do you do first?",
        [
            Answer(
                "Count the same for a student of labels that never met the teacher",
                "In the chapter such students repeat more than half of them, too: the images "
                "mislead everyone. Only what goes beyond that can have been inherited.",
                right=True,
            ),
            Answer(
                "Raise the share of the labels, so that it inherits fewer",
                "That treats a cause which nobody has shown. Students with no share of the teacher "
                "at all make most of these mistakes.",
            ),
            Answer(
                "Compare with chance: one in nine wrong classes, so the case is proven",
                "Wrong answers are not drawn by lot. A shirt that looks like a coat is called a "
                "coat by most networks.",
            ),
        ],
    ),
    Question(
        "No student sees a 3. Why do those taught at temperature 20 recognize far more 3s in the "
        "test than those taught at temperature 1?",
        [
            Answer(
                "A hot teacher is unsure and calls some other digits 3, so they see 3s after all",
                "A temperature never changes which answer is the largest. The images of the lesson "
                "hold no 3, and the teacher's decisions on them hardly any.",
            ),
            Answer(
                "Heat makes the small numbers count, and these say what is a bit like a 3",
                "A bit in this 5, a bit in that 8. At temperature 1 these numbers are nearly "
                "nothing beside the large one.",
                right=True,
            ),
            Answer(
                "The bias of the 3 was raised",
                "That comes afterwards and helps at both temperatures. The difference is there "
                "before.",
            ),
            Answer(
                "The factor $T^2$ makes them learn faster",
                "The factor scales the whole term. It cannot tell a student which strokes belong "
                "to a 3.",
            ),
        ],
    ),
    Question(
        "You have 500 labels and 9,500 images without. Ten networks trained on the 500 answer for "
        "all images, and a student of their kind learns these answers. What can you hope for?",
        [
            Answer(
                "The accuracy of 10,000 labels: to the student, an answer is a label",
                "It is, and as right as the ten networks are. With the travelling model as teacher "
                "the step was large, because that one knew 10,000 labels.",
            ),
            Answer(
                "A worse student: errors of the teachers are learned as truth",
                "That sounds likely, but was not seen: it ended within two points of students of "
                "the 500 labels.",
            ),
            Answer(
                "More from soft answers than from hard ones, since they tell more",
                "They tell more of what the ten networks know, and that is not more than the 500 "
                "labels gave. Neither kind was worth two points.",
            ),
            Answer(
                "A copy of the ten that costs a tenth, hardly better than one of them",
                "Images without labels carry knowledge over and create none. Cheap copies were "
                "the reason why the method was invented.",
                right=True,
            ),
        ],
    ),
]
