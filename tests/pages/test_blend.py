"""The blend page: two ways from one INR to another."""

import pytest


def partner(app):
    value = app.query_params["with"]
    return value if isinstance(value, str) else value[0]


def metrics(app):
    return {metric.label: float(metric.value) for metric in app.metric}


def test_a_shuffled_copy_is_reached_without_leaving_the_picture_once_aligned(open_page):
    app = open_page("blend", net="tiny-inrs/000007")
    app.segmented_control(key="blend.kinds").set_value("a shuffled copy of it").run()
    assert not app.exception and not app.error
    errors = metrics(app)
    assert errors["Mid-point error, aligned"] == 0
    assert errors["Mid-point error, not aligned"] > 0.001
    assert any("after aligning 0.00" in caption.value for caption in app.caption)


def test_another_network_of_the_zoo_is_chosen_at_first_and_by_chance(open_page):
    app = open_page("blend", net="tiny-inrs/000007")
    assert not app.exception and len(app.image) == 3
    first = partner(app)
    assert first.startswith("tiny-inrs/") and first != "tiny-inrs/000007"
    for _ in range(5):
        app.button(key="blend.another").click().run()
        assert partner(app) != "tiny-inrs/000007"


def open_with_two_of_the_session(open_page, pages_folder, kind):
    """The page with a network of the session selected, beside another one of it."""
    from app.state import Kept
    from ngcore.inr.siren import initial_siren
    from ngcore.networks import siren

    app = open_page("home")
    pair = [
        Kept(initial_siren(siren((2, 8, 8, 1)), i, 1, seed=i), title, str(i) * 64)
        for i, title in enumerate(("first", "second *one*"))
    ]
    app.session_state["state.kept"] = {own.sha256: own for own in pair}
    app.session_state["state.selection"] = pair[0].selection
    app.query_params["net"] = pair[0].selection.key
    app.session_state["blend.kind"] = kind
    app.switch_page(str(pages_folder / "blend.py")).run()
    assert not app.exception and not app.error
    return app


def test_a_network_of_the_session_is_blended_with_one_of_a_zoo(open_page, pages_folder):
    app = open_with_two_of_the_session(open_page, pages_folder, "another network")
    from app import cached

    zoo, _, _ = partner(app).partition("/")
    assert zoo in cached.zoos()


def test_a_network_of_the_session_is_blended_with_another_one_of_it(open_page, pages_folder):
    app = open_with_two_of_the_session(open_page, pages_folder, "one of this session")
    assert any("second \\*one\\*" in text.value for text in app.markdown)


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("tiny-inrs/000002", "tiny-inrs/000002"),
        ("copy:7", "copy:7"),
        ("tiny-cnns/00000-000001", "tiny-inrs/000005"),  # cannot be blended with a picture
        ("tiny-inrs/000007", "tiny-inrs/000005"),  # is the first itself
        ("copy:-1", "tiny-inrs/000005"),
    ],
)
def test_the_address_names_the_second_network(open_page, asked, shown):
    app = open_page("blend", net="tiny-inrs/000007", address={"with": asked})
    assert not app.exception and not app.error
    assert partner(app) == shown


def test_a_network_that_is_no_picture_is_refused(open_page):
    app = open_page("blend", net="tiny-cnns/00000-000002")
    assert not app.exception
    assert any("this page needs an INR" in info.value for info in app.info)


def test_both_ways_begin_and_end_at_the_two_networks():
    import torch

    from app.blend.walk import blend
    from app.partner import shuffled_copy
    from ngcore.inr import initial_siren, render
    from ngcore.networks import siren

    first, second = (initial_siren(siren((2, 8, 8, 1)), i, 1, seed=0) for i in (0, 1))
    walked = blend.__wrapped__("key", first, second, torch.device("cpu"))
    ends = [render(network)[0].clamp(0, 1).numpy() for network in (first, second)]
    for walk in (walked.plain, walked.aligned):
        assert walk.pictures[0] == pytest.approx(ends[0], abs=1e-5)
        assert walk.pictures[-1] == pytest.approx(ends[1], abs=1e-5)
        assert walk.errors[[0, -1]] == pytest.approx([0, 0], abs=1e-9)
    assert walked.aligned.distance <= walked.plain.distance
    same = shuffled_copy.__wrapped__("key", 3, first)
    assert not same.equals(first)
    assert render(same)[0].numpy() == pytest.approx(render(first)[0].numpy(), abs=1e-5)
