"""The guided lessons: what each step says, which page it opens in which state, and what it asks."""

from collections.abc import Mapping
from dataclasses import dataclass, field

DIGIT = "mnist-inrs/060000"
RECURRENT = "fashion-families/00028-003188"
THICKER = "dilate*{strength}@mnist-dilate-ng-sweep-descent"


@dataclass(frozen=True)
class Question:
    """A check of understanding.

    Attributes:
        text: What is asked.
        options: The answers to choose from.
        right: The right one, by its number.
        why: What makes it right, shown after it was chosen.
    """

    text: str
    options: tuple[str, ...]
    right: int
    why: str


@dataclass(frozen=True)
class Step:
    """One step of a lesson.

    Attributes:
        title: Of the step.
        text: What to know.
        task: What to try on the page.
        page: Name of the page that it opens.
        question: What it asks.
        address: Parameters of that page's address.
    """

    title: str
    text: str
    task: str
    page: str
    question: Question
    address: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Lesson:
    """A few steps about one idea.

    Attributes:
        title: Of the lesson.
        summary: In one sentence.
        steps: In their order.
    """

    title: str
    summary: str
    steps: tuple[Step, ...]


GRAPH = Lesson(
    title="A network is a graph",
    summary="Neurons are nodes, weights are edges, and the order of hidden neurons means nothing.",
    steps=(
        Step(
            title="Look at one",
            text="This network *is* a picture: for every position (x, y) it answers with the brightness there. It has "
            "two inputs, two hidden layers of 32 neurons, and one output. Each neuron is a node of the graph, each "
            "weight an edge.",
            task="Click a hidden neuron and walk along its strongest edge. Then colour the neurons by their bias.",
            page="network",
            address={"net": DIGIT},
            question=Question(
                "How many edges lead from the first hidden layer to the second?",
                ("64", "1,024", "1,185"),
                1,
                "Each of the 32 neurons is connected to each of the next 32: 32 × 32 = 1,024. With the other layers "
                "and the biases there are 1,185 parameters.",
            ),
        ),
        Step(
            title="Shuffle it",
            text="Hidden neurons have no order of their own. Here they change places, each with all its weights.",
            task="Press the button that shuffles, and watch the drawing, the picture and the answers of the models.",
            page="network",
            address={"net": DIGIT, "network_tab": "Shuffle"},
            question=Question(
                "What stays the same?",
                ("the picture", "the weight matrices", "neither"),
                0,
                "The network adds up the same products in another order, so it computes the same. Rows and columns of "
                "its matrices have moved, which a list of weights shows and a graph does not.",
            ),
        ),
        Step(
            title="Compare it with its shuffled copy",
            text="As given, two copies of one network seem to have nothing in common. *Aligned* means that the neurons "
            "of the second are put into the order in which its weights are nearest to those of the first.",
            task="Switch between *Aligned* and *As given* and read the distance of the weights.",
            page="compare",
            address={"net": DIGIT, "with": "copy:1"},
            question=Question(
                "How far apart are the two once they are aligned?",
                ("not at all, up to rounding", "half as far as before", "as far as before"),
                0,
                "Alignment finds the shuffle and undoes it. Two networks that were trained apart stay apart: their "
                "difference is not one of order.",
            ),
        ),
        Step(
            title="Let a model read the graph",
            text="A second network, trained on thousands of such graphs, says which digit this one draws. It is given "
            "the weights, not the picture.",
            task="Read the prediction, then open the table of all models. Which of them is a plain network on the list "
            "of weights?",
            page="predict",
            address={"net": DIGIT},
            question=Question(
                "What does a model of graphs answer about a shuffled copy?",
                ("the same", "something else", "nothing"),
                0,
                "It knows neurons by their connections, not by their places. The plain network on the list of weights "
                "has to learn every order, and never does.",
            ),
        ),
    ),
)
PROBES = Lesson(
    title="Asking a network questions",
    summary="Probes: how much the answers of a network to a few inputs say about it.",
    steps=(
        Step(
            title="How good is this network?",
            text="A recurrent network was trained to tell clothes apart. The models here predict how accurate it is on "
            "new images, with an interval around their answer.",
            task="Compare the prediction with the true accuracy. Which model comes closest?",
            page="predict",
            address={"net": RECURRENT},
            question=Question(
                "What does an interval of 90 % promise?",
                (
                    "that the network is 90 % accurate",
                    "that about 90 of 100 new networks like this one have their accuracy inside their interval",
                    "that this prediction is right with a chance of 90 %",
                ),
                1,
                "The promise is about many networks: intervals are made so wide that they would have held 90 % of the "
                "networks that the model was calibrated on.",
            ),
        ),
        Step(
            title="Weights alone, or questions too",
            text="A *probe* is an input on which the network is run; its output is what the model sees. Probes may be "
            "learned with the model, or be real images.",
            task="Find the question where probes gain most, and one where they gain little.",
            page="lab",
            address={"net": DIGIT, "lab_tab": "Probes"},
            question=Question(
                "Why can a few outputs tell more than all weights?",
                (
                    "outputs show what the network does; weights must first be understood",
                    "there are more outputs than weights",
                    "weights are less exact",
                ),
                0,
                "Running a network does the hard part, which is to combine its weights. A model of weights has to "
                "learn that by itself, from many networks.",
            ),
        ),
        Step(
            title="What an answer is worth",
            text="Anyone can run a network on k labelled images and count. The more images, the smaller the error. "
            "That gives predictions a unit: the number of images that would do as well.",
            task="Find the model whose answers are worth most images, and see what hyper-parameters alone are worth.",
            page="leaderboard",
            address={"worth_zoo": "fashion-families"},
            question=Question(
                "When is a prediction that is worth 500 labelled images of use?",
                (
                    "always",
                    "where there are fewer labelled images, or running them takes too long",
                    "where there are more than 500",
                ),
                1,
                "With 10,000 labelled images available, one would simply measure.",
            ),
        ),
        Step(
            title="Damage it",
            text="Models should notice when a network gets worse. Here one of its layers is dropped, shuffled, made "
            "noisy or rounded, and the accuracy is really measured beside the prediction.",
            task="Add noise to a layer, more and more. Where do prediction and measurement part?",
            page="predict",
            address={"net": RECURRENT, "predict_tab": "What if"},
            question=Question(
                "A damaged network is unlike those that the model was trained on. What should you expect?",
                (
                    "its prediction may be wrong, and the out-of-zoo flag should say so",
                    "the prediction stays right",
                    "the model refuses to answer",
                ),
                0,
                "Predictions hold for networks like those of training; a small p-value says that this one is not.",
            ),
        ),
    ),
)
EDITING = Lesson(
    title="Editing an image by editing weights",
    summary="Models that change what a network shows by changing its weights.",
    steps=(
        Step(
            title="Make a digit thicker",
            text="The model reads the weights of a network that draws a 7, and answers with a change of those weights. "
            "The edited network draws a thicker 7.",
            task="Drag the divider across the picture. Then move the slider and watch the strokes.",
            page="edit",
            address={"net": DIGIT, "edits": THICKER.format(strength=1)},
            question=Question(
                "What was changed?",
                ("28 × 28 pixels", "1,185 numbers: weights and biases", "both"),
                1,
                "There are no pixels here. The picture is what the network computes, at any size that you ask for.",
            ),
        ),
        Step(
            title="Too much of it",
            text="Half the change makes half the edit, nearly. But the model was trained to make one whole edit.",
            task="Go through the strip from 0 to 1½ and read what the page says about strengths beyond 1.",
            page="edit",
            address={"net": DIGIT, "edits": THICKER.format(strength="1.5")},
            question=Question(
                "Why does the picture fall apart beyond strength 1?",
                (
                    "the change of weights is stretched further than any that was learned",
                    "pixels cannot be brighter than white",
                    "the network has too few neurons",
                ),
                0,
                "Between 0 and 1 the way through weight space happens to be harmless. Beyond 1 nothing was learned.",
            ),
        ),
        Step(
            title="Twice instead",
            text="An edited network is a network, so it can be edited again.",
            task="Compare two edits of strength 1 with one of strength 1½ or 2.",
            page="edit",
            address={"net": DIGIT, "edits": "~".join([THICKER.format(strength=1)] * 2)},
            question=Question(
                "One edit is a 3 × 3 dilation. What are two of them?",
                ("a 4 × 4 dilation", "a 5 × 5 dilation", "a 6 × 6 dilation"),
                1,
                "Each one lets strokes grow by a pixel on every side: first 3 × 3, then 5 × 5.",
            ),
        ),
        Step(
            title="Half-way between two networks",
            text="Mix the weights of a network with those of its own shuffled copy, half and half.",
            task="Walk from one to the other, as they are and aligned.",
            page="blend",
            address={"net": DIGIT, "with": "copy:1"},
            question=Question(
                "What does the network half-way show?",
                ("the same digit", "noise, unless the neurons are aligned first", "a grey square"),
                1,
                "Neuron 5 of one is mixed with a stranger in the other. Aligned, both are the same network, and so is "
                "everything between them.",
            ),
        ),
    ),
)
LESSONS: dict[str, Lesson] = {"graph": GRAPH, "probes": PROBES, "editing": EDITING}
