"""`ngcore check`: three tables, JSON, and an exit code that says whether a claim was broken."""


def test_a_network_is_checked_by_all_models_that_read_it(run):
    outcome = run("check", "tiny-inrs/000008", "--copies", 2, "--device", "cpu", "--json")
    assert outcome.code == 0
    (entry,) = outcome.json["networks"]
    assert entry["true_label"] == 2
    assert {row["model"] for row in entry["symmetry"]} == {"", "tiny-classify", "tiny-probes", "tiny-edit"}
    assert {row["symmetry"] for row in entry["symmetry"]} == {"permutations", "signs", "phases"}
    assert {row["model"] for row in entry["extremes"]} == {"", "tiny-classify", "tiny-probes"}
    assert {row["name"] for row in outcome.json["probes"]} == {
        "tiny-classify",
        "tiny-probes",
        "tiny-edit",
        "tiny-predict",
    }


def test_tables_say_what_was_done_and_what_came_out(run):
    outcome = run("check", "tiny-cnns/00000-000000", "--copies", 2, "--model", "tiny-predict", "--device", "cpu")
    assert outcome.code == 0
    for text in ("Symmetry: tiny-cnns/00000-000000", "by width", "by layers inserted", "Probes on and off", "differs"):
        assert text in outcome.stdout


def test_a_broken_claim_is_an_error(run, monkeypatch):
    from ngcore.tasks import checks_symmetry
    from ngcore.tasks.checks import Claim

    monkeypatch.setattr(checks_symmetry, "claim_of", lambda card, symmetry: Claim(is_exact=True, reason="It is said."))
    outcome = run("check", "tiny-cnns/00000-000000", "--copies", 2, "--device", "cpu")
    assert outcome.code == 1
    assert "tiny-predict is not the same for neurons of ReLUs scaled" in outcome.stderr
    assert "BROKEN" in outcome.stdout


def test_networks_and_models_that_are_not_there_are_refused(run):
    assert run("check", "nowhere.safetensors").code == 1
    unknown = run("check", "tiny-inrs/000008", "--model", "nobody")
    assert unknown.code == 1
    assert "Unknown checkpoint" in unknown.stderr
