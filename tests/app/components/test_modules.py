"""Modules of JavaScript that are put together to one."""

import re


def test_modules_become_one_without_imports_whose_names_stay_apart(tmp_path):
    from app.components.modules import joined

    (tmp_path / "a.js").write_text("const OWN = 1;\nexport const one = () => OWN;\nexport class Two {}\n")
    (tmp_path / "b.js").write_text(
        'import { one } from "./a.js";\n\nexport async function* three() {\n  yield one();\n}\n'
    )
    (tmp_path / "c.js").write_text('import { three } from "./b.js";\n\nexport default three;\n')
    found = joined(tmp_path, ["a", "b", "c"])
    assert "import" not in found
    assert re.findall(r"const \{ (.*) \} = ", found) == ["one, Two", "three"]
    assert found.endswith("\nexport default three;\n")


def test_every_module_of_the_viewer_is_listed_after_those_that_it_imports():
    from app.components.graph_viewer import _FRONTEND, MODULES

    assert {path.stem for path in _FRONTEND.glob("*.js")} == set(MODULES)
    for place, name in enumerate(MODULES):
        imported = re.findall(r'from "\./(\w+)\.js"', (_FRONTEND / f"{name}.js").read_text())
        assert set(imported) <= set(MODULES[:place])


def test_the_viewer_never_makes_markup_of_text():
    from app.components.graph_viewer import _FRONTEND

    code = "".join(path.read_text() for path in _FRONTEND.glob("*.js"))
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|https?://(?!www\.w3\.org)", code
    )
