"""A lower layer never imports a higher one."""

import ast
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src" / "dsol"
LAYERS = [  # from the ground up: one folder a floor, and each stands on those before it only
    {
        "errors",
        "progress",
        "text",
        "letters",
        "files",
        "places",
        "page",
        "old_options",
        "config",
        "arguments",
        "completion",
        "assignment",
    },
    {"data"},
    {"model"},
    {"baselines"},
    {"localize"},
    {"naming"},
    {"evaluation"},
    {"serve"},
    {"training"},
    {"reproduce"},
    {"report"},
    {"demo"},
    {"inspection", "export"},
    {"cli"},
    {"__main__", "__init__"},
]
LEVEL = {name: level for level, layer in enumerate(LAYERS) for name in layer}


def imported_parts(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("dsol.")}
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "dsol":
            parts = node.module.split(".")
            found |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
    return found


def test_no_part_imports_a_higher_layer():
    wrong = []
    for path in SOURCE.rglob("*.py"):
        part = path.relative_to(SOURCE).parts[0].removesuffix(".py")
        assert part in LEVEL, f"{part} has no layer: add it to LAYERS"
        for other in imported_parts(path):
            if other in LEVEL and LEVEL[other] > LEVEL[part]:
                wrong.append(f"{path.relative_to(SOURCE)} imports dsol.{other}")
    assert not wrong, wrong


def test_every_import_inside_the_package_is_absolute():
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            assert not (isinstance(node, ast.ImportFrom) and node.level), f"{path}: relative import"
