"""The launcher: its safety settings, its headers, and the app it serves, seen by a real browser."""

import socket
import urllib.request

import pytest


def test_the_app_is_served_to_this_machine_alone_unless_told_otherwise():
    from app.server import server_options

    options = server_options()
    assert options["server.address"] == "127.0.0.1"
    assert options["server.maxUploadSize"] == 2048
    assert "server.port" not in options


@pytest.mark.parametrize("public", [False, True])
def test_protection_stays_on_and_nothing_is_reported_home(public):
    from app.server import server_options

    options = server_options(public=public)
    assert options["server.enableCORS"] and options["server.enableXsrfProtection"]
    assert not options["browser.gatherUsageStats"] and not options["server.enableStaticServing"]


@pytest.mark.parametrize("public", [False, True])
def test_nobody_is_shown_a_traceback(public):
    from app.server import server_options

    assert server_options(public=public)["client.showErrorDetails"] == "type"


def test_strangers_upload_less():
    from app.server import server_options

    options = server_options(host="0.0.0.0", public=True, allowed_hosts=["nets.example"])
    assert options["server.maxUploadSize"] == 16
    assert "nets.example" in options["server.allowedHosts"]


def test_every_option_is_one_that_streamlit_knows():
    from streamlit import config

    from app.server import server_options

    known = config.get_config_options()
    assert [name for name in server_options(port=8501) if name not in known] == []


def test_an_address_that_others_can_reach_must_be_meant(capsys):
    from app.server import main

    with pytest.raises(SystemExit) as caught:
        main(["--host", "0.0.0.0"])
    assert caught.value.code == 2
    assert "--host 0.0.0.0 can be reached from other machines; add --public" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["0", "80000", "-1", "eight"])
def test_a_port_out_of_range_is_refused_by_the_command_itself(port, capsys):
    from app.server import main

    with pytest.raises(SystemExit) as caught:
        main(["--port", port])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("usage: ngcore app ")
    assert "--port: expected a number from 1 to 65535" in error


def test_a_port_that_is_taken_is_said():
    from app.server import main

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(SystemExit, match=f"^Error: Port {port} is taken; choose another"):
            main(["--port", str(port)])


def test_an_address_that_is_none_of_this_machine_is_said():
    from app.server import find_obstacle

    assert find_obstacle("127.0.0.1", None) is None
    assert find_obstacle("192.0.2.1", None).startswith("Cannot listen on 192.0.2.1: ")


@pytest.mark.parametrize("name", ["http://nets.example", "nets.example:80", "", "a b", "nets.example/"])
def test_an_allowed_host_is_a_name_and_nothing_more(name, capsys):
    from app.server import main

    with pytest.raises(SystemExit) as caught:
        main(["--allowed-host", name])
    assert caught.value.code == 2
    assert f"expected a host name such as nets.example, got {name!r}" in capsys.readouterr().err


def test_the_served_page_may_load_from_nowhere_else(app_server):
    with urllib.request.urlopen(app_server, timeout=20) as answer:
        policy = answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'self'" in policy and "http" not in policy


def test_the_first_page_opens_with_a_title_and_without_a_foreign_request(visit):
    visit().wait_for_selector("h1")


def test_the_browser_itself_refuses_a_foreign_address(browser, app_server):
    page = browser.new_page(base_url=app_server)
    page.goto("/")
    blocked = page.evaluate(
        """() => new Promise(resolve => {
            document.addEventListener("securitypolicyviolation", event => resolve(event.blockedURI));
            const image = new Image();
            image.src = "https://example.invalid/pixel.png";
            document.body.append(image);
        })"""
    )
    page.close()
    assert blocked.startswith("https://example.invalid")


def test_pages_of_this_machine_may_frame_the_app_where_asked_and_no_others():
    from app.server import SafetyHeaders

    policy = SafetyHeaders(None, is_framed=True).headers["content-security-policy"]
    assert "frame-ancestors 'self' http://localhost:* http://127.0.0.1:*" in policy
    assert "frame-ancestors 'self'" in SafetyHeaders(None).headers["content-security-policy"].split("; ")
