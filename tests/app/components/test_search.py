"""Finding networks of a zoo by text, class, split and accuracy."""

import numpy as np
import pytest


@pytest.fixture
def metadata():
    """Six networks of a made-up zoo."""
    import pandas as pd

    return pd.DataFrame(
        {
            "id": [f"zoo/{i:06d}" for i in range(6)],
            "split": ["train", "train", "validation", "test", "test", "test"],
            "label": [0, 1, 2, 0, 1, 2],
            "accuracy": [0.1, 0.2, 0.3, 0.4, 0.5, float("nan")],
            "flagged": [False, True, False, False, False, False],
        }
    )


def found(metadata, names=("Shirt", "Sandal", "Bag"), **wanted):
    from app.components.search import Filters, find

    return find(metadata, Filters(**wanted), names).tolist()


def test_without_filters_all_are_found(metadata):
    assert found(metadata) == [0, 1, 2, 3, 4, 5]


def test_filters_narrow_together(metadata):
    assert found(metadata, split="test", labels=(0, 1)) == [3, 4]
    assert found(metadata, accuracy=(0.2, 0.4), only_good=True) == [2, 3]


def test_a_class_is_found_by_its_name_in_any_case_or_its_beginning(metadata):
    assert found(metadata, text="sandal") == [1, 4]
    assert found(metadata, text="San") == [1, 4]


def test_a_text_that_is_no_class_is_looked_for_in_the_ids(metadata):
    assert found(metadata, text="00003") == [3]
    assert found(metadata, text="[") == []


def test_a_number_means_the_class_of_that_name_and_the_network_of_that_number(metadata):
    assert found(metadata, names=("7", "8", "5"), text="5") == [2, 5]


@pytest.mark.parametrize(
    ("current", "by", "expected"), [(3, 1, 5), (5, 1, 3), (3, -1, 5), (4, 1, 5), (4, -1, 3), (None, 1, 3)]
)
def test_steps_go_round_and_start_from_anywhere(current, by, expected):
    from app.components.search import step

    assert step(np.array([3, 5]), current, by) == expected


def test_there_is_no_step_among_nothing():
    from app.components.search import step

    assert step(np.array([], dtype=int), 3, 1) is None


def test_an_id_is_found_by_its_number_in_full_or_by_its_end():
    import pandas as pd

    from app.components.search import position_of

    metadata = pd.DataFrame({"id": ["z/000001", "z/000010", "z/000100"], "label": [1, 0, 10], "split": "test"})
    names = tuple(str(i) for i in range(11))
    assert position_of(metadata, "10", names) == 1  # the network, before those of the class
    assert position_of(metadata, "z/000100", names) == position_of(metadata, "000100") == 2
    assert position_of(metadata, "0001", names) == 0 and position_of(metadata, "nothing", names) is None


def test_networks_in_a_list_say_what_is_known_of_each():
    from types import SimpleNamespace

    import pandas as pd

    from app.components.search import in_words

    rows = [("z/0", -1, float("nan")), ("z/1", 1, 0.25), ("other/2", 7, float("nan"))]
    metadata = pd.DataFrame(rows, columns=["id", "label", "accuracy"])
    zoo = SimpleNamespace(name="z", metadata=metadata, card={"class_names": ("zero", "one")})
    assert in_words(zoo, [0, 1, 2]) == ["0", "1 · one · 25.0%", "other/2 · 7"]
    assert in_words(zoo, [1]) == ["1 · one · 25.0%"]
