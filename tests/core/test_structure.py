"""Imports go downward, nothing is circular, files stay readable."""

import ast
from pathlib import Path

import rustorch

ROOT = Path(rustorch.__file__).parent
FLOORS = [
    {
        "errors",
        "dtypes",
        "devices",
        "size",
        "limits",
        "layouts",
        "absent",
        "as_torch",
        "files",
        "later",
        "torch_version",
        "version",
    },
    {"graph"},
    {"lowering"},
    {"eager"},
    {
        "autograd",
        "linalg",
        "fft",
        "special",
        "random",
        "signal",
        "sparse",
        "masked",
        "nested",
        "ops",
        "return_types",
        "storage",
    },
    {"func"},
    {"nn"},
    {"optim"},
    {"amp"},
    {"utils", "testing", "jit", "distributed", "distributions", "serialization", "cuda", "cpu", "backends"},
    {"interop", "compat"},
    {"stubs", "compatibility", "__main__"},
]
FLOOR = {name: i for i, names in enumerate(FLOORS) for name in names}
# Pairs on one floor that may meet: the namespaces at the bottom, and recorded sub-steps.
FILES = sorted(p for p in ROOT.rglob("*.py"))


def part(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def imports(path: Path):
    """(module, is it inside a function?) of every import of our own modules."""
    tree = ast.parse(path.read_text())
    inside = {
        id(n) for f in ast.walk(tree) if isinstance(f, (ast.FunctionDef, ast.AsyncFunctionDef)) for n in ast.walk(f)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "rustorch":
            names = [f"rustorch.{a.name}" for a in node.names] if node.module == "rustorch" else [node.module]
            for name in names:
                yield name, id(node) in inside
        elif isinstance(node, ast.Import):
            for a in node.names:
                if a.name.split(".")[0] == "rustorch":
                    yield a.name, id(node) in inside


def test_imports_go_downward():
    for path in FILES:
        own = path.relative_to(ROOT).with_suffix("").parts[0]
        if own == "__init__":
            continue
        for module, _ in imports(path):
            other = part(module)
            if own in ("stubs", "compatibility") and not other:
                continue  # it describes the whole package
            assert other in FLOOR, f"{path}: {module} is on no floor"
            if other != own:
                assert FLOOR[other] < FLOOR[own] or FLOOR[own] == 0, f"{path} (floor {FLOOR[own]}) imports {module}"


def test_no_function_level_imports_of_our_own():
    found = [f"{p.relative_to(ROOT)}: {m}" for p in FILES for m, inside in imports(p) if inside]
    assert not found


def test_no_torch_inside():
    for path in FILES:
        if path.relative_to(ROOT).parts[0] == "interop":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = (
                [a.name for a in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            assert not any(n.split(".")[0] == "torch" for n in names), path


def test_file_sizes():
    long = {str(p.relative_to(ROOT)): n for p in FILES if (n := len(p.read_text().splitlines())) > 430}
    assert not long


def test_graph_floor_knows_no_jax():
    for path in (ROOT / "graph").glob("*.py"):
        assert "jax" not in path.read_text().replace("No JAX", ""), path


def test_no_two_test_files_of_one_name():
    """Test files are imported by their plain name: of two alike, pytest would collect only the first."""
    names = [path.name for path in Path(__file__).parents[1].rglob("test_*.py")]
    assert len(names) == len(set(names)), sorted({n for n in names if names.count(n) > 1})
