"""`ngcore study`: options that a study does not have are refused."""


def test_options_of_other_studies_are_refused(run, tmp_path):
    outcome = run("study", "optimisers", "--zoo", "x", "--limit", "3", "--out", str(tmp_path / "a.json"))
    assert outcome.code == 1 and "Expected no --zoo or --limit with the study optimisers" in outcome.stderr
    assert outcome.stdout == ""
    outcome = run("study", "parts", "--task", "cifar10")
    assert outcome.code == 1 and "Expected no --task with the study parts" in outcome.stderr
