"""The leaderboard: figures of all models, and two of them on the same networks."""

import json

import pytest


@pytest.fixture
def with_tiny_models(checkpoints, monkeypatch):
    from app import cached
    from ngcore.training import read_card

    cards = [read_card(folder) for folder in sorted(checkpoints.iterdir())]
    monkeypatch.setenv("NGCORE_CHECKPOINTS", str(checkpoints))
    monkeypatch.setattr(
        cached, "checkpoints", lambda task=None: [card for card in cards if task in (None, card["task"])]
    )


def test_every_model_of_a_question_has_a_row_with_its_figure(open_page, with_tiny_models):
    app = open_page("leaderboard")
    assert not app.exception and not app.error
    table = app.dataframe[0].value
    assert set(table["model"]) == {"tiny-classify", "tiny-probes"}
    assert (table["accuracy"] == 0.5).all() and (table["n"] == 4).all()


@pytest.mark.parametrize(("task", "title"), [("edit", "squared error"), ("predict", "Kendall's τ")])
def test_other_questions_have_figures_of_their_own(open_page, with_tiny_models, task, title):
    app = open_page("leaderboard")
    app.segmented_control(key="leaderboard_question").set_value(task).run()
    assert not app.exception
    assert app.dataframe[0].value["model"].tolist() == [f"tiny-{task}"]
    assert title in app.dataframe[0].value.columns


def test_two_models_are_compared_on_the_same_test_networks(open_page, with_tiny_models):
    app = open_page("leaderboard")
    counts = {metric.label: int(metric.value) for metric in app.metric}
    assert list(counts) == ["Only the first is right", "Only the second is right", "Neither is right", "Both are right"]
    assert sum(counts.values()) == 4
    shares = [text.value for text in app.markdown if "right" in text.value and "tiny" in text.value]
    assert len(shares) == 2 and all("of 4 right" in text for text in shares)


def test_pictures_of_an_outcome_are_as_many_as_it_counts(open_page, with_tiny_models):
    app = open_page("leaderboard")
    counts = {metric.label: int(metric.value) for metric in app.metric}
    for outcome, title in (("neither", "Neither is right"), ("both", "Both are right")):
        app.segmented_control(key="leaderboard_outcome").set_value(outcome).run()
        walls = [chart.proto for chart in app.get("echarts_chart") if chart.proto.alt.startswith("Pictures")]
        assert sum(len(json.loads(wall.spec)["series"][0]["data"]) for wall in walls) == counts[title]


def test_a_click_on_a_picture_selects_its_network(monkeypatch):
    import streamlit as st

    from app import state
    from app.leaderboard import comparison

    chosen = []
    monkeypatch.setattr(state, "select", lambda **named: chosen.append(named))
    event = {"selection": {"selected": [{"series_index": 0, "data_indices": [1]}], "areas": []}}
    monkeypatch.setattr(st, "session_state", {"wall": event})
    comparison._select_clicked("wall", "zoo", ["zoo/0", "zoo/1"])
    assert chosen == [{"zoo": "zoo", "id": "zoo/1"}]


def test_figures_over_seeds_are_shown_where_there_are_some(open_page, with_tiny_models, monkeypatch):
    from app import cached

    assert "over seeds" not in open_page("leaderboard").dataframe[0].value.columns
    cards = [dict(card) for card in cached.checkpoints("classify")]
    cards[0]["repeats"] = [{"metrics": {"test": {"n": 4, "accuracy": value}}} for value in (0.25, 0.75)]
    monkeypatch.setattr(cached, "checkpoints", lambda task=None: cards)
    table = open_page("leaderboard").dataframe[0].value.set_index("model")
    assert table.loc[cards[0]["name"], "over seeds"] == "50.00 ± 25.00 %"
    assert table.loc[cards[1]["name"], "over seeds"] == ""


def test_models_of_one_zoo_are_shown_at_a_time_and_the_best_beside_published_figures(
    open_page, with_tiny_models, monkeypatch
):
    from app import cached

    first, second = (dict(card) for card in cached.checkpoints("classify"))
    renamed = first | {"corpus": first["corpus"] | {"name": "mnist-inrs"}}
    monkeypatch.setattr(cached, "checkpoints", lambda task=None: [second, renamed])
    app = open_page("leaderboard")
    assert not app.exception and not app.error
    assert app.dataframe[0].value["model"].tolist() == [renamed["name"]]
    (line,) = app.table[0].value.to_dict("records")
    assert (line["Question"], line["Here"]) == (r"MNIST digits\, from weights", r"50\.00\%")
    app.segmented_control(key="leaderboard_zoo_classify").set_value("tiny-inrs").run()
    assert app.dataframe[0].value["model"].tolist() == [second["name"]]


@pytest.fixture
def with_studies(tmp_path, monkeypatch):
    """A file for each study that there is, with made-up figures."""
    from ngcore.report import studies

    figures = {"validation": {"accuracy": 0.75, "n": 4}, "test": {"accuracy": 0.7, "n": 4}, "networks_per_second": 9.0}
    rows = {
        name: [
            {"key": cell.key, "setting": cell.setting, "training_networks": cell.num_networks, **figures}
            for cell in study.cells
        ]
        for name, study in studies.STUDIES.items()
    }
    rows[studies.EDITING] = [
        {
            "key": method,
            "setting": {"edit": "dilate", "method": method},
            "mse": 0.01,
            "milliseconds_per_network": 0.0,
            "n": count,
        }
        for method, count in (("left as it is", 1024), ("image edited, refitted", 256))
    ]
    (tmp_path / "studies").mkdir()
    for name in rows:
        content = {
            "name": name,
            "question": f"What of {name}?",
            "zoo": "tiny-inrs",
            "zoo_sha256": "0" * 64,
            "rows": rows[name],
        }
        (tmp_path / "studies" / f"{name}.json").write_text(json.dumps(content))
    monkeypatch.setattr(studies, "ASSETS", tmp_path)


def test_without_studies_there_is_no_section_of_them(open_page, with_tiny_models, tmp_path, monkeypatch):
    from ngcore.report import studies

    monkeypatch.setattr(studies, "ASSETS", tmp_path)
    app = open_page("leaderboard")
    assert not app.exception
    assert "Studies" not in [heading.value for heading in app.header]


@pytest.mark.parametrize(
    ("name", "figures"),
    [("probes-and-data", 1), ("normalisation", 1), ("number-of-probes", 2), ("parts", 1), ("editing", 1)],
)
def test_a_study_is_shown_with_its_question_figures_and_command(
    open_page, with_tiny_models, with_studies, name, figures
):
    app = open_page("leaderboard")
    before = len(app.get("echarts_chart"))
    app.segmented_control(key="study").set_value(name).run()
    assert not app.exception and not app.error
    assert [heading.value for heading in app.header][-1] == "Studies"
    assert any(text.value.startswith("### What of ") for text in app.markdown)
    assert [code.value for code in app.code] == [f"ngcore study {name}"]
    charts = app.get("echarts_chart")
    assert len(charts) - (before - 1) == figures  # one study is shown at first
    assert all("the table below has the numbers" in chart.proto.alt for chart in charts[-figures:])


def test_the_study_of_editors_says_on_how_many_networks_each_figure_is(open_page, with_tiny_models, with_studies):
    app = open_page("leaderboard")
    app.segmented_control(key="study").set_value("editing").run()
    captions = [caption.value for caption in app.caption]
    assert r"On 1,024 test networks of tiny\-inrs (refitting on 256); less is better." in captions


def test_the_table_of_a_study_is_there_once_it_is_opened(open_page, with_tiny_models, with_studies):
    app = open_page("leaderboard")
    assert not app.table
    app.session_state["study.table.probes-and-data"] = True
    app.run()
    assert not app.exception
    assert app.table[0].value["test"].tolist() == [r"70\.0\%"] * 15


@pytest.fixture
def with_baselines(with_tiny_models, tmp_path, monkeypatch):
    """A file of baselines about the zoo of tiny-predict, whose card has figures of final checkpoints."""
    from app import cached
    from ngcore.report import studies

    (card,) = cached.checkpoints("predict")

    def figures(tau, error):
        final = {"n": 9, "num_runs": 9, "kendall_tau": tau, "r_squared": 0.5, "mean_absolute_error": error}
        return {**final, "tau_ceiling": 0.97, "final": {**final, "tau_ceiling": 0.99}}

    rows = [{"key": "h", "setting": {"baseline": "hyper-parameters, boosted", "reads": "hyper-parameters"}}]
    rows += [
        {"key": f"i{k}", "setting": {"baseline": f"{k} labelled images", "reads": "labelled images"}, "num_images": k}
        for k in (16, 64, 256)
    ]
    rows = [row | {"test": figures(0.5 + 0.1 * i, 0.1 / 2**i)} for i, row in enumerate(rows)]
    content = {"name": "accuracy-baselines", "question": "?", "zoo": "tiny-cnns", "rows": rows}
    content["zoo_sha256"] = card["corpus"]["sha256"]
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "accuracy-baselines-tiny-cnns.json").write_text(json.dumps(content))
    monkeypatch.setattr(studies, "ASSETS", tmp_path)
    measured = card | {"metrics": {"test": figures(0.75, 0.03), "validation": {"n": 4, "kendall_tau": 0.7}}}
    monkeypatch.setattr(cached, "checkpoints", lambda task=None: [measured])


@pytest.mark.parametrize(
    ("name", "setting", "figures"),
    [
        ("accuracy-parts", {"change": "none"}, 1),
        ("accuracy-probes", {"model": "graph", "probes": 16, "kind": "output"}, 2),
        ("accuracy-data", {"networks": "1 %", "probes": 0}, 1),
        ("accuracy-leave-out", {"measured on": "gru", "trained on": "others"}, 1),
    ],
)
def test_studies_of_accuracy_are_shown_under_their_question_alone(
    open_page, with_tiny_models, tmp_path, monkeypatch, name, setting, figures
):
    from ngcore.report import studies

    measured = {"n": 9, "kendall_tau": 0.5, "final": {"n": 3, "kendall_tau": -0.25}}
    row = {"key": "k", "setting": setting, "training_networks": 100, "networks_per_second": 9.0}
    row |= {"validation": measured, "test": measured}
    content = {"name": name, "question": "Why?", "zoo": "tiny-cnns", "zoo_sha256": "0" * 64, "rows": [row]}
    content |= {"preset": "ng-sweep-accuracy", "steps": 10}
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "any.json").write_text(json.dumps(content))
    monkeypatch.setattr(studies, "ASSETS", tmp_path)
    app = open_page("leaderboard")
    assert "Studies" not in [heading.value for heading in app.header]
    app.segmented_control(key="leaderboard_question").set_value("predict").run()
    assert not app.exception and not app.error
    assert any(text.value.startswith("### Why") for text in app.markdown)
    assert [code.value for code in app.code] == [
        f"ngcore study {name} --zoo tiny-cnns --preset ng-sweep-accuracy --steps 10"
    ]
    charts = [json.loads(chart.proto.spec) for chart in app.get("echarts_chart")[-figures:]]
    assert all("-0.25" in json.dumps(chart) for chart in charts)


def test_what_a_prediction_is_worth_is_shown_beside_baselines_and_labelled_images(open_page, with_baselines):
    app = open_page("leaderboard")
    assert not app.exception and not app.error
    assert "What is a prediction worth?" in [heading.value for heading in app.header]
    table = app.dataframe[-1].value.set_index("model or baseline")
    assert table["τ"].tolist() == sorted(table["τ"], reverse=True)
    assert table.loc["tiny-predict", "worth (τ)"] == "130"
    assert table.loc["64 labelled images", "worth (τ)"] == ""
    assert any("leave τ at most 0.990" in caption.value for caption in app.caption)
    chart = json.loads(app.get("echarts_chart")[-1].proto.spec)
    names = [series["name"] for series in chart["series"]]
    assert names == ["k labelled images", "tiny-predict", "hyper-parameters, boosted", "ceiling by ties"]
    app.segmented_control(key="worth_figure").set_value("mean_absolute_error").run()
    app.segmented_control(key="worth_final").set_value(False).run()
    assert not app.exception
    chart = json.loads(app.get("echarts_chart")[-1].proto.spec)
    assert (chart["yAxis"]["name"], chart["yAxis"]["type"]) == ("Mean absolute error", "log")
    assert [code.value for code in app.code] == ["ngcore study accuracy-baselines --zoo tiny-cnns"]


def test_without_models_the_page_says_so(open_page, monkeypatch):
    from app import cached

    monkeypatch.setattr(cached, "checkpoints", lambda task=None: [])
    app = open_page("leaderboard")
    assert not app.exception
    assert any("No trained model" in info.value for info in app.info)
