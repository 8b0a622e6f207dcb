"""The edit page: the chain and its controls, what is compared, what can be taken along, and many networks at once."""

import json

import pytest

NET = "tiny-inrs/000007"


@pytest.fixture
def edit_page(open_page, checkpoints, monkeypatch):
    monkeypatch.setenv("NGCORE_CHECKPOINTS", str(checkpoints))
    return lambda net=NET, **address: open_page("edit", net=net, address=address)


def pictures(app):
    """The pictures that the browser draws."""
    return [one for one in app.get("bidi_component") if "networks" in json.loads(one.proto.json)]


def metric(app, label):
    return next(metric for metric in app.metric if metric.label == label)


def add(app, edit):
    app.selectbox(key="edit.add").select(edit).run()
    assert not app.exception and not app.error


def chain(app):
    return [(step.edit, step.strength) for step in app.session_state["edit.history"].now]


def charts(app):
    return [json.loads(chart.proto.spec) for chart in app.get("echarts_chart")]


def captions(app):
    return " ".join(caption.value for caption in app.caption)


def open_tab(app, name):
    app.session_state["edit_tab"] = name
    app.run()
    assert not app.exception and not app.error


def test_an_inr_is_shown_before_and_after_with_target_differences_and_classes(edit_page):
    app = edit_page()
    assert not app.exception and not app.error
    assert len(app.image) == 3 and chain(app) == [("dilate", 1.0)]
    assert len(pictures(app)) == 1
    assert [series["name"] for series in charts(app)[0]["series"]] == ["before", "after"]
    assert any("Reads as" in text.value and "→" in text.value for text in app.markdown)
    assert "MSE 0\\.0200 \\(n \\= 4\\) on test networks of tiny\\-inrs" in captions(app)


def test_the_edits_that_are_offered_are_those_that_something_here_can_do(edit_page):
    app = edit_page()
    offered = [text.split(":")[0] for text in app.selectbox(key="edit.add").options]
    assert offered[0] == "Thicken (dilate)" and "Desaturate" not in offered  # these INRs are grey
    assert {"Contrast", "Brighten", "Invert", "Rotate", "Enlarge", "Mirror"} <= set(offered)


def test_steps_are_added_moved_and_removed_and_all_that_is_undone_and_redone(edit_page):
    app = edit_page()
    add(app, "rotate")
    add(app, "invert")
    assert chain(app) == [("dilate", 1.0), ("rotate", 1.0), ("invert", 1.0)]
    assert app.selectbox(key="edit.add").value is None
    app.button(key="edit.move.3.-1").click().run()
    assert [edit for edit, _ in chain(app)] == ["dilate", "invert", "rotate"]
    app.button(key="edit.remove.1").click().run()
    assert [edit for edit, _ in chain(app)] == ["invert", "rotate"]
    app.button(key="edit.undo").click().run()
    app.button(key="edit.undo").click().run()
    assert [edit for edit, _ in chain(app)] == ["dilate", "rotate", "invert"]
    app.button(key="edit.redo").click().run()
    assert [edit for edit, _ in chain(app)] == ["dilate", "invert", "rotate"]
    assert not app.exception


def test_ends_of_the_chain_cannot_be_moved_further(edit_page):
    app = edit_page()
    assert app.button(key="edit.move.1.-1").disabled and app.button(key="edit.move.1.1").disabled
    assert app.button(key="edit.undo").disabled and app.button(key="edit.redo").disabled


def test_strength_zero_changes_nothing_and_strengths_are_undone(edit_page):
    app = edit_page()
    app.number_input(key="edit.strength.1").set_value(0.0).run()
    assert metric(app, "MSE to the target, edited").value == metric(app, "MSE to the target, unedited").value
    app.button(key="edit.undo").click().run()
    (strength,) = (field for field in app.number_input if field.label == "Strength of Thicken (dilate)")
    assert strength.value == 1.0 and chain(app) == [("dilate", 1.0)]


def said(app, parameter):
    value = app.query_params[parameter]
    return value if isinstance(value, str) else value[0]


def test_the_address_holds_the_chain_and_a_new_one_can_be_undone(edit_page):
    app = edit_page(edits="rotate*0.5~invert*1", edit_tab="Files and code")
    assert not app.exception and chain(app) == [("rotate", 0.5), ("invert", 1.0)]
    assert "edit_weights(network, 'rotate', 0.5)" in app.code[0].value
    add(app, "mirror")
    assert said(app, "edits") == "rotate*0.5~invert*1~mirror*1"
    app.query_params["edits"] = "contrast*2"  # a link, or the back button
    app.run()
    assert not app.exception and chain(app) == [("contrast", 2.0)]
    app.button(key="edit.undo").click().run()
    assert said(app, "edits") == "rotate*0.5~invert*1~mirror*1"
    app.button(key="edit.reset").click().run()
    assert said(app, "edits") == "" and chain(app) == []


@pytest.mark.parametrize("lie", ["explode*1", "rotate*3", "<script>", "rotate*1~" * 300])
def test_a_chain_that_is_none_is_replaced_by_the_usual_one(edit_page, lie):
    app = edit_page(edits=lie, edit_tab=lie, edit_mode=lie)
    assert not app.exception and not app.error and chain(app) == [("dilate", 1.0)]
    assert said(app, "edits") == "dilate*1" and "edit_tab" not in app.query_params


def test_reset_leaves_no_step_and_can_be_undone(edit_page):
    app = edit_page()
    app.button(key="edit.reset").click().run()
    assert not app.exception and chain(app) == []
    assert any("add an edit" in info.value for info in app.info)
    assert app.button(key="edit.keep").disabled
    app.button(key="edit.undo").click().run()
    assert chain(app) == [("dilate", 1.0)]


def test_the_chain_outlives_visits_to_other_pages_and_goes_with_the_selection(edit_page, pages_folder):
    app = edit_page()
    add(app, "mirror")
    app.switch_page(str(pages_folder / "blend.py")).run()
    app.switch_page(str(pages_folder / "edit.py")).run()
    app.button(key="picker.next").click().run()
    assert not app.exception and [edit for edit, _ in chain(app)] == ["dilate", "mirror"]


def test_of_several_models_for_an_edit_one_is_chosen(open_page, tiny_zoos, tmp_path, monkeypatch):
    from tiny_checkpoints import write_tiny_checkpoint

    from ngcore.zoo import Zoo

    for name in ("tiny-edit", "tiny-other"):
        write_tiny_checkpoint(tmp_path / name, Zoo.open(tiny_zoos / "tiny-inrs"), task="edit", preset="ng-gnn-edit")
    monkeypatch.setenv("NGCORE_CHECKPOINTS", str(tmp_path))
    app = open_page("edit", net=NET)
    app.selectbox(key="edit.model.1").select("tiny-other").run()
    assert not app.exception and not app.error
    assert app.session_state["edit.history"].now[0].model == "tiny-other"


def test_fitting_on_can_be_chosen_instead_of_a_model(edit_page):
    app = edit_page()
    app.selectbox(key="edit.model.1").select("fitting on").run()
    assert not app.exception and not app.error
    assert app.session_state["edit.history"].now[0].model == "fitting on"


def test_any_two_states_can_be_compared(edit_page):
    app = edit_page()
    add(app, "invert")
    assert app.selectbox(key="edit.after").options == ["Start", "1. Thicken (dilate)", "End: 2. Invert"]
    app.selectbox(key="edit.before").select(1).run()
    app.selectbox(key="edit.after").select(0).run()
    assert not app.exception and not app.error
    assert "(no edit)" in captions(app).replace("\\", "")


def test_the_change_is_shown_per_layer_per_neuron_and_on_the_graph(edit_page):
    app = edit_page()
    add(app, "rotate")
    app.button(key="edit.remove.1").click().run()
    open_tab(app, "Change of the weights")
    layers, neurons = (table.value for table in app.dataframe[-2:])
    assert layers["change"].tolist()[0] > 0 and layers["change"].tolist()[1:] == [0.0] * 5  # a turn changes 0.weight
    assert set(neurons["neuron"].str.split(" · ").str[0]) == {"layer 1"} and (neurons["change"] > 0).all()
    (graph,) = [part for one in app.get("bidi_component") if "scene" in (part := json.loads(one.proto.json))]
    assert graph["edges"] and graph["numbers"] and graph["words"]["edge"] == "change of the weight"


def test_files_of_any_state_are_offered_with_the_code_of_the_chain(edit_page):
    app = edit_page()
    add(app, "rotate")
    open_tab(app, "Files and code")
    app.selectbox(key="edit.export_state").select(1).run()
    app.number_input(key="edit.png_side").set_value(2048).run()
    assert not app.exception
    assert {button.key for button in app.get("download_button")} >= {
        "edit.export",
        "edit.export_one",
        "edit.png",
        "edit.svg",
        "edit.code",
    }
    assert "edit_weights(network, 'rotate', 1.0)" in app.code[0].value


def test_the_edited_network_can_be_used_on_the_other_pages_and_the_chain_begins_anew(edit_page):
    app = edit_page()
    app.button(key="edit.keep").click().run()
    assert not app.exception and chain(app) == []
    selection = app.session_state["state.selection"]
    kept = app.session_state["state.kept"][selection.id]
    assert selection.is_upload and kept.title == "000007, edited" and kept.notes == ("1. dilate, strength 1",)


@pytest.fixture
def views(monkeypatch):
    """What the picture of the page was given each time."""
    from app.studio import views

    given = []
    monkeypatch.setattr(views, "siren_view", lambda *networks, **options: given.append((networks, options)))
    return given


def test_the_strength_beside_the_picture_is_that_of_the_last_step(edit_page, views):
    app = edit_page()
    (before, after), options = views[-1]
    live = options["live"]
    assert (live.label, live.value) == ("Strength of Thicken (dilate)", 1.0) and sorted(live.known) == [0.0, 1.0]
    assert live.known[0.0].equals(before) and live.known[1.0].equals(after) and options["layout"] == "swipe"
    add(app, "rotate")
    live = views[-1][1]["live"]
    assert live.label == "Strength of Rotate" and len(live.known) == 9
    app.selectbox(key="edit.after").select(0).run()
    assert views[-1][1]["live"] is None  # the start has no strength


def test_what_a_strength_is_worth_is_said_and_two_full_edits_are_offered_where_they_do_more(
    open_page, checkpoints, tmp_path, monkeypatch
):
    import shutil

    from ngcore.tasks import EditStrengths
    from ngcore.training import read_card, write_card

    folder = shutil.copytree(checkpoints / "tiny-edit", tmp_path / "tiny-edit")
    errors = {strength / 4: (0.005 * strength**2, 0.16) for strength in range(9)}
    known = EditStrengths(50, "validation", errors, {2: (0.08, 0.4), 3: (0.1, 0.5)})
    write_card(folder, read_card(folder) | {"strengths": known.to_dict()})
    monkeypatch.setenv("NGCORE_CHECKPOINTS", str(tmp_path))
    app = open_page("edit", net=NET)
    assert "At strength 1, 50%" in captions(app) and not any(one.key == "edit.twice" for one in app.button)
    app.number_input(key="edit.strength.1").set_value(1.5).run()
    (warning,) = [one.value for one in app.warning if one.value.startswith("At strength")]
    assert "At strength 1.5, the error is 1.1 times that of doing nothing" in warning
    assert "Beyond 1.4 this editor does worse than no edit" in warning
    app.button(key="edit.twice").click().run()
    assert not app.exception and chain(app) == [("dilate", 1.0), ("dilate", 1.0)]
    app.button(key="edit.undo").click().run()
    assert chain(app) == [("dilate", 1.5)]


def test_a_classifier_that_is_damaged_is_reported_and_the_rest_stays(edit_page, monkeypatch):
    from app import answers
    from ngcore.errors import CheckpointError

    def refuse(*arguments, **options):
        raise CheckpointError("Expected weights, got none.")

    monkeypatch.setattr(answers, "answer_about", refuse)
    app = edit_page()
    assert not app.exception and [error.value for error in app.error] == ["Expected weights\\, got none\\."]
    assert len(app.image) == 3 and len(pictures(app)) == 1


def test_a_full_chain_offers_no_further_edit(edit_page):
    from app.studio.chain import MAX_STEPS, History, Step

    app = edit_page()
    app.session_state["edit.history"] = History(tuple(Step("invert", id=i) for i in range(MAX_STEPS)))
    app.run()
    assert not app.exception
    assert f"A chain has at most {MAX_STEPS} edits." in captions(app)
    assert not any(box.key == "edit.add" for box in app.selectbox)


def test_a_step_that_nothing_can_do_is_left_out_and_the_page_says_so(edit_page):
    from app.studio.chain import History, Step

    app = edit_page()
    app.session_state["edit.history"] = History((Step("desaturate", id=1), Step("mirror", id=2)))
    app.run()
    assert not app.exception and not app.error
    assert any("Nothing here can apply this edit" in warning.value for warning in app.warning)


def test_a_cnn_cannot_be_edited_and_the_page_says_why(edit_page):
    app = edit_page("tiny-cnns/00000-000001")
    assert not app.exception
    assert any("needs an INR" in info.value for info in app.info)
    assert app.button(key="edit.to_draw").label == "Draw or upload a picture"


def test_without_models_edits_are_done_by_fitting_on_and_by_formulas(edit_page, monkeypatch):
    from app import cached

    monkeypatch.setattr(cached, "checkpoints", lambda task=None: [])
    app = edit_page()
    assert not app.exception and not app.error
    add(app, "contrast")
    assert not app.exception and not app.error and chain(app) == [("dilate", 1.0), ("contrast", 1.0)]
    assert "fitting the network to it" in captions(app) and "by a formula, exactly" in captions(app)
    assert "No trained model here classifies" in captions(app)


def test_buttons_lead_to_drawing_the_map_and_blends(edit_page):
    app = edit_page()
    app.button(key="edit.to_blend").click().run()
    assert not app.exception and app.title[0].value == "Blend"
    assert app.session_state["state.selection"].id == NET


def test_many_networks_are_edited_at_once(edit_page):
    app = edit_page()
    app.segmented_control(key="edit_mode").set_value("Many networks").run()
    assert not app.exception and not app.error
    assert "12 networks. Targets are the same edits" in captions(app)
    assert "12 of 12 pairs" in captions(app)
    assert "12 are read as before" in captions(app) and len(charts(app)) == 1 and len(app.image) == 1
    button = next(button for button in app.get("download_button") if button.key == "edit.batch_export")
    assert button.label == "All 12 edited networks (.safetensors)"
    app.segmented_control(key="edit.order").set_value("worst first").run()
    assert not app.exception


def test_networks_that_were_circled_on_the_map_are_edited(edit_page):
    from app.state import REGION_KEY, Region

    app = edit_page()
    app.session_state[REGION_KEY] = Region("tiny-inrs", "a chart", ("tiny-inrs/000001", "tiny-inrs/000004"))
    app.session_state["edit_mode"] = "Many networks"
    app.run()
    assert not app.exception
    assert "2 of 2 pairs" in captions(app)


def test_networks_of_the_session_are_edited_one_by_one_and_the_page_says_so(edit_page):
    from app.state import Kept
    from ngcore.inr.siren import initial_siren
    from ngcore.networks import siren

    app = edit_page()
    own = Kept(initial_siren(siren((2, 8, 8, 1)), 99, 1, seed=5), "mine", "a" * 64)
    app.session_state["state.kept"] = {own.sha256: own}
    app.session_state["state.selection"] = own.selection
    app.query_params["net"] = own.selection.key
    app.session_state["edit_mode"] = "Many networks"
    app.run()
    assert not app.exception
    assert any("Choose a zoo above" in info.value for info in app.info)
