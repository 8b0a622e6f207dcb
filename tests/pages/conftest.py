"""What the tests of pages share: pages run by Streamlit's own test driver inside the whole app."""

import pytest

WAIT_S = 60


@pytest.fixture
def open_page(pages_folder, tiny_zoos, monkeypatch):
    """A function `open_page("network", net="tiny-inrs/000001")` that runs a page of the app; `AppTest` comes back.

    `address` has further parameters of the page's address, as a dict.
    """
    from streamlit.testing.v1 import AppTest

    monkeypatch.setenv("NGCORE_ZOOS", str(tiny_zoos))
    # Building models draws random numbers: a thread that does so would disturb whatever test comes next.
    monkeypatch.setattr("app.preload.start_preload", lambda: None)
    # tests count the components of a page
    for name in ("copy_link", "drop_anywhere", "theme_switch"):
        monkeypatch.setattr(f"app.components.{name}.{name}", lambda: None)

    def run(name, *, net=None, address=None):
        app = AppTest.from_file(pages_folder.parent / "app" / "main.py", default_timeout=WAIT_S)
        if net is not None:
            app.query_params["net"] = net
        app.run()
        if name != "home":
            app.switch_page(str(pages_folder / f"{name}.py"))
            for parameter, value in (address or {}).items():
                app.query_params[parameter] = value
            app.run()
        return app

    return run
