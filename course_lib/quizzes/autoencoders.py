"""Five questions on autoencoders and generators: codes, games, and what drawings are for."""

from course_lib.quizzes import Answer, Question

__all__ = ["QUESTIONS"]

QUESTIONS = [
    Question(
        "You train an autoencoder without activations, with a code of eight numbers, for as long "
        "as you like. How does its error on the training pictures compare with that of PCA with "
        "eight directions?",
        [
            Answer(
                "It falls below PCA's in the end: training goes on where PCA stops",
                "PCA is the best of all linear codes of that length, and without activations "
                "the network is one of them. The check found none below it.",
            ),
            Answer(
                "It comes close to PCA's, and never below it",
                "Both halves together are one linear map of rank eight. Gradient descent finds, "
                "slowly, what PCA computes.",
                right=True,
            ),
            Answer(
                "It cannot be compared: the network's code has another meaning",
                "Its axes are others, but the error does not depend on axes. Both span nearly the "
                "same subspace.",
            ),
            Answer(
                "It stays far above, since a network has to learn what PCA is given",
                "PCA is computed from the same pictures. Two seeds of the network ended within two "
                "percent of its error.",
            ),
        ],
    ),
    Question(
        "You feed a trained plain autoencoder's decoder with draws from a standard Gaussian, and "
        "it paints scraps. What is the cheapest repair?",
        [
            Answer(
                "A longer training, until the decoder is good enough",
                "The decoder rebuilds clothes from the codes it knows. Longer training does not "
                "show it the places where no code lies.",
            ),
            Answer(
                "A longer code, so that more fits in",
                "That leaves even more room between the codes of real pictures, and your draws "
                "fall into it.",
            ),
            Answer(
                "A Gaussian fitted to its codes, from which you draw instead",
                "It lacked only a distribution of codes. With fitted ones it draws clothes, and "
                "its distance to real pictures falls.",
                right=True,
            ),
            Answer(
                "There is none: only a variational autoencoder can draw",
                "The variational one learns a distribution together with the codes. One that is "
                "fitted afterward also does the job, and helped the variational one, too.",
            ),
        ],
    ),
    Question(
        "Your GAN's value has settled at $-\\log 4$, the value at which the data are matched. "
        "What do you know?",
        [
            Answer(
                "Only that this discriminator can do no better than guess",
                "If it is the best one, the generator has won. If it lags, it guesses in a "
                "collapsed game, too: all of the chapter's games ended near this number.",
                right=True,
            ),
            Answer(
                "The generator has won: no other distribution has this value",
                "That holds for the *best* discriminator against it. In training you have the "
                "one of the moment.",
            ),
            Answer(
                "The game has collapsed, since a good game goes on moving",
                "The good games of the chapter ended near this number as well. The number does "
                "not tell the two apart.",
            ),
        ],
    ),
    Question(
        "You have 100 labeled pictures. Which of these can be expected to help a classifier most?",
        [
            Answer(
                "5,000 pictures from a generator trained on your 100",
                "The generator has seen nothing that your classifier has not. In the chapter this "
                "gained less than a point and a half, whichever way the codes were drawn.",
            ),
            Answer(
                "Training longer on the 100 pictures",
                "All ways took the same number of steps there, so the comparison was about what "
                "is seen. A hundred pictures seen more often are still a hundred.",
            ),
            Answer(
                "The 5,000 pictures, drawn alone, without your 100",
                "That costs accuracy: drawn pictures alone did worse than the real ones, at "
                "either size.",
            ),
            Answer(
                "Pictures from a generator that was trained on 5,000 others",
                "It brings along what it learned elsewhere: more than four points, for every "
                "seed. The 5,000 themselves helped more still.",
                right=True,
            ),
        ],
    ),
    Question(
        "Of two generators, one draws scraps and one draws soft clothes. The Fréchet distance is "
        "smaller for the scraps. What do you make of it?",
        [
            Answer(
                "The scraps must be better in a way that the eye does not see",
                "Better for what? The distance compares two clouds of features, each taken for a "
                "Gaussian. It knows nothing of your purpose.",
            ),
            Answer(
                "The distance sees what its network sees, and softness is strange to it",
                "Its features come from a network that was trained on sharp pictures. So look at "
                "the pictures, and measure what they are for.",
                right=True,
            ),
            Answer(
                "The distance is too noisy to tell the two apart",
                "Real training pictures came out more than fifty times closer than anything "
                "drawn. It measures sharply; it is the question that differs from yours.",
            ),
            Answer(
                "There is a mistake in the computation: scraps cannot be closer",
                "They can. Nothing in the formula asks whether a picture makes sense.",
            ),
        ],
    ),
]
