"""The launcher: its safety settings, its headers, and the app it serves, seen by a real browser."""

import urllib.request

import pytest


def test_the_app_is_served_to_this_machine_alone_unless_told_otherwise():
    from app.server import server_options

    options = server_options()
    assert options["server.address"] == "127.0.0.1"
    assert options["client.showErrorDetails"] == "full"
    assert options["server.maxUploadSize"] == 64
    assert "server.port" not in options


@pytest.mark.parametrize("public", [False, True])
def test_protection_stays_on_and_nothing_is_reported_home(public):
    from app.server import server_options

    options = server_options(public=public)
    assert options["server.enableCORS"] and options["server.enableXsrfProtection"]
    assert not options["browser.gatherUsageStats"] and not options["server.enableStaticServing"]


def test_strangers_see_no_details_of_errors_and_upload_less():
    from app.server import server_options

    options = server_options(host="0.0.0.0", public=True, allowed_hosts=["nets.example"])
    assert options["client.showErrorDetails"] == "type"
    assert options["server.maxUploadSize"] == 16
    assert options["server.allowedHosts"] == ["nets.example"]


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
