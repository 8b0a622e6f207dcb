"""Opening the app on a network: the hand-over, the server and its end."""

import os
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from dag_architectures import DAGS
from module_families import FAMILIES


def random_float(name):
    import torch

    from ngcore.testing import random_network

    return random_network(DAGS[name], seed=1, dtype=torch.float32)


@pytest.mark.parametrize("name", DAGS)
def test_a_network_that_is_handed_over_comes_back_bit_for_bit(name, tmp_path):
    from ngcore.showing import Handover, hand_over, take_over

    network = random_float(name)
    given = Handover(network, "a title", ("a note",), {"skipped": []})
    taken = take_over(hand_over(given, tmp_path), tmp_path)
    assert taken.network.equals(network)
    assert (taken.title, taken.notes, taken.coverage) == ("a title", ("a note",), {"skipped": []})


def test_the_name_of_a_hand_over_is_random(tmp_path):
    from ngcore.showing import Handover, hand_over

    given = Handover(random_float("lstm"), "twice")
    names = {hand_over(given, tmp_path) for _ in range(2)}
    assert len(names) == 2 and all(len(name) == 64 for name in names)


@pytest.mark.parametrize("name", ["", "../secret", "a" * 64, "A" * 64, "0" * 63])
def test_other_names_hand_nothing_over(name, tmp_path):
    from ngcore.showing import take_over

    (tmp_path / "secret.json").write_text("{}")
    assert take_over(name, tmp_path / "folder") is None


@pytest.mark.parametrize("damage", ["{", "{}", "[]", '{"title": "t", "notes": null, "coverage": null}'])
def test_a_damaged_hand_over_is_refused_in_words(damage, tmp_path):
    from ngcore.errors import UploadError
    from ngcore.showing import Handover, hand_over, take_over

    name = hand_over(Handover(random_float("mixer"), "t"), tmp_path)
    (tmp_path / f"{name}.json").write_text(damage)
    with pytest.raises(UploadError, match="cannot be read; show it again"):
        take_over(name, tmp_path)


def test_a_file_cut_short_is_refused_in_words(tmp_path):
    from ngcore.errors import UploadError
    from ngcore.showing import Handover, hand_over, take_over

    name = hand_over(Handover(random_float("mixer"), "t"), tmp_path)
    file = tmp_path / f"{name}.safetensors"
    file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(UploadError, match="cannot be read; show it again"):
        take_over(name, tmp_path)


@pytest.fixture(scope="module")
def shown():
    """Two networks shown, one after the other."""
    import ngcore

    both = [ngcore.show(random_float(name), title=name, block=False, open_browser=False) for name in ("lstm", "unet")]
    yield both
    both[0].close()


def answer(url, **headers):
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as got:
        return got.status, dict(got.headers)


def test_both_networks_are_shown_by_one_server_under_addresses_of_their_own(shown):
    first, second = (one.url.partition("/network?net=upload:") for one in shown)
    assert first[0] == second[0] and first[0].startswith("http://127.0.0.1:")
    assert first[2] != second[2]


def test_the_address_answers_and_forbids_frames_of_others(shown):
    status, headers = answer(shown[0].url)
    assert status == 200
    assert "frame-ancestors 'self';" in headers["content-security-policy"] + ";"


def test_pages_of_other_hosts_are_not_answered(shown):
    with pytest.raises(urllib.error.HTTPError, match="403"):
        answer(shown[0].url, Host="evil.example")


@pytest.mark.skipif(os.name == "nt", reason="folders of this kind have no modes there")
def test_nobody_else_may_enter_the_folder(shown):
    assert stat.S_IMODE(shown[0]._server.folder.stat().st_mode) == 0o700


def test_a_notebook_gets_a_frame_and_a_link(shown):
    text = shown[0]._repr_html_()
    assert text.startswith(f'<iframe src="{shown[0].url}"')
    assert f'<a href="{shown[0].url}"' in text


def test_a_title_cannot_carry_markup_into_a_notebook(shown):
    from ngcore.showing import Shown

    assert "<script>" not in Shown("http://x", "<script>alert(1)</script>", shown[0]._server)._repr_html_()


SCRIPT = """
import ngcore, torch
from ngcore.networks import mlp
from ngcore.testing import random_network
shown = ngcore.show(random_network(mlp((2, 3, 1)), dtype=torch.float32), open_browser=False, block=False)
print(shown._server._process.pid, shown._server.folder, flush=True)
{end}
"""


@pytest.mark.parametrize("end", ["shown.close(); shown.close()", "", "import os; os._exit(0)"])
def test_the_server_ends_by_close_or_with_the_process_however_that_ends(end):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(end=end)], capture_output=True, text=True, timeout=120, check=True
    )
    process, folder = done.stdout.split(maxsplit=1)
    for _ in range(100):
        if not is_alive(int(process)):
            break
        time.sleep(0.1)
    assert not is_alive(int(process))
    assert not Path(folder.strip()).exists()


def is_alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{process}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_server_that_does_not_start_says_why(monkeypatch):
    from ngcore.errors import ServerError
    from ngcore.showing import server

    monkeypatch.setattr(server, "SERVER", ("-c", "import sys; sys.exit('no luck today')"))
    with pytest.raises(ServerError, match=r"The app did not start\. The end of its log: no luck today"):
        server.LocalServer()


def handed_over(one):
    from ngcore.showing import take_over

    return take_over(one.url.rpartition(":")[2], one._server.folder)


def test_a_module_is_read_and_shown_under_the_name_of_its_class(shown):
    import torch

    import ngcore

    module, inputs = FAMILIES["gru/one layer"]()
    taken = handed_over(ngcore.show(module, *inputs, block=False, open_browser=False))
    assert taken.title == type(module).__name__
    floats = [x.float() if x.is_floating_point() else x for x in inputs]
    torch.testing.assert_close(taken.network(*floats)[0].double(), module(*inputs), atol=1e-5, rtol=1e-4)


def test_of_a_module_that_cannot_be_read_whole_the_rest_is_shown_with_a_report(shown):
    import torch

    import ngcore

    class Spectral(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = torch.nn.Linear(4, 6), torch.nn.Linear(6, 2)

        def forward(self, x):
            return self.last(torch.fft.fft(self.first(x)).real)

    taken = handed_over(ngcore.show(Spectral(), torch.randn(2, 4), block=False, open_browser=False))
    assert any("fft" in row["operation"] for row in taken.coverage["skipped"])
    assert taken.coverage["num_covered"] < taken.coverage["num_parameters"] == 44


def test_the_browser_opens_where_asked_and_a_notebook_opens_none(shown, monkeypatch):
    import ngcore
    from ngcore.showing import opening

    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    one = ngcore.show(random_float("mixer"), block=False)
    monkeypatch.setattr(opening, "in_notebook", lambda: True)
    ngcore.show(random_float("mixer"))
    assert opened == [one.url]


def test_a_script_waits_until_the_server_ends(monkeypatch):
    import ngcore
    from ngcore.showing import opening

    waited = []
    monkeypatch.setattr(opening, "is_interactive", lambda: False)
    monkeypatch.setattr(opening.Shown, "wait", lambda one: waited.append(one.url))
    one = ngcore.show(random_float("mixer"), open_browser=False)
    assert waited == [one.url]


def test_an_empty_stack_is_refused():
    import ngcore
    from ngcore.errors import ShapeMismatchError

    with pytest.raises(ShapeMismatchError, match="Expected a network to show, got an empty stack"):
        ngcore.show(random_float("unet")[:0])
