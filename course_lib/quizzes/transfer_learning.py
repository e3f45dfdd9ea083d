"""Five questions on transfer: what comes along, how long it helps, and what moves unseen."""

from course_lib.quizzes import Answer, Question

__all__ = ["QUESTIONS"]

QUESTIONS = [
    Question(
        "With ten labels a class, a linear probe on the photos' body beats training from scratch. "
        "You get a thousand labels a class. Which curve do you expect?",
        [
            Answer(
                "The probe stays ahead: its body has seen more pictures than you have",
                "It has seen more photos of frogs and trucks. What tells a shirt from a coat has "
                "to come from your labels, and the probe cannot put it into the body.",
            ),
            Answer(
                "The probe falls behind all others",
                "In the recorded race it gains less from each further label than the others, "
                "because its features may not change. What was a gift at ten labels is a burden "
                "at three hundred and at a thousand.",
                right=True,
            ),
            Answer(
                "All methods meet: with enough labels it does not matter how you begin",
                "Fine-tuning and training from scratch do meet. The probe does not, since it may "
                "not leave its starting point at all.",
            ),
        ],
    ),
    Question(
        "You set `requires_grad = False` for a whole network, give it a new head, and train that "
        "in training mode. Later you put the old head back, and the old task has lost many points. "
        "Why?",
        [
            Answer(
                "The optimizer's momentum went on moving the frozen weights",
                "Momentum is a sum of gradients, and the frozen weights have none. The chapter "
                "compares the arrays: no kernel has moved.",
            ),
            Answer(
                "The old head no longer fits, because the new one was trained",
                "The old head is an array of its own, which nobody touched. What it reads has "
                "changed: the features.",
            ),
            Answer(
                "The running means and variances followed the new images",
                "They need no gradient, only training mode. In the chapter, batches of clothes "
                "without any training cost the photos their points within some thirty steps.",
                right=True,
            ),
            Answer(
                "Rounding: a hundred steps add up many small errors",
                "Frozen the Keras way, the same hundred steps change no bit of the body.",
            ),
        ],
    ),
    Question(
        "A report says: *with 100 labeled images our pretrained network is right on 70 % of the "
        "test set, so transfer works*. Which run do you miss most?",
        [
            Answer(
                "The same network from random weights, with the same images and steps",
                "Whether transfer helps is a comparison. Only this run can show that it did, or "
                "that the source was a burden.",
                right=True,
            ),
            Answer(
                "A larger source model, to see whether 70 % can be beaten",
                "It might be beaten, and you would still not know whether the source had a part "
                "in it.",
            ),
            Answer(
                "The accuracy on the source task, to see whether the source is any good",
                "The network with shuffled labels was perfect on its own task, and worse than "
                "random weights on yours.",
            ),
            Answer(
                "A probe instead of fine-tuning",
                "Both use the source. If both are at 70 %, you still do not know what you would "
                "have without it.",
            ),
        ],
    ),
    Question(
        "A network learned 1,000 photos with shuffled labels by heart. What is it worth as a "
        "source when you fine-tune it for 100 small steps on ten labels a class?",
        [
            Answer(
                "As much as an honest one: edges are edges, whatever the labels say",
                "That is nearly true after the first layer, where all four bodies are alike. "
                "Behind it the labels shape the features, and these got worse with every block.",
            ),
            Answer(
                "As much as random weights: fine-tuning may change everything",
                "It may, but small steps do not go far. It ended more than five points below "
                "random weights for every seed.",
            ),
            Answer(
                "Less than random weights",
                "Negative transfer: it starts in a bad place and does not get out of it within "
                "its steps. Larger steps win some of it back (exercise 7).",
                right=True,
            ),
        ],
    ),
    Question(
        "You tune with ten times the learning rate and lose nothing on the clothes. One model is "
        "to serve clothes and photos. What do you do?",
        [
            Answer(
                "Keep the large rate: equal accuracy, so nothing was lost",
                "Equal on clothes. On photos, the large rate lost more than three times as much as "
                "the small one.",
            ),
            Answer(
                "Use the small rate, or additions of low rank that can be taken off again",
                "The small rate walks less far, and the photos lose less. Unmerged additions leave "
                "the kernels as they were, so that the old skill can be had back whole.",
                right=True,
            ),
            Answer(
                "Use additions of low rank and merge them: a thin change forgets nothing",
                "Merged, they are a change of the kernels like any other, and the photos lost "
                "accuracy with them, too. A low rank limits the directions, not the distance.",
            ),
            Answer(
                "Put the photos' old head back, which restores the old accuracy",
                "The chapter does just that when it measures the loss. The head is as it was; the "
                "body under it is not.",
            ),
        ],
    ),
]
