"""The packages import each other in one direction only, and no module itself."""

import ast
import sys
from graphlib import CycleError, TopologicalSorter

from source_files import HEAVY, ROOT, sources


def imports(path):
    """Yield (module, whether it is imported when ``path`` is)."""
    tree = ast.parse(path.read_text())
    lazy = {id(n) for f in ast.walk(tree) if isinstance(f, ast.FunctionDef) for n in ast.walk(f)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, id(node) not in lazy
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module, id(node) not in lazy


def test_who_imports_whom():
    wrong = []
    for path in sources("hw"):
        wrong += [(path, m) for m, _ in imports(path) if m.split(".")[0] in ("weft", "weft_sim")]
    for path in sources("sim"):
        wrong += [(path, m) for m, _ in imports(path) if m.split(".")[0] == "weft"]
    for path in sources("host"):
        for module, eager in imports(path):
            first = module.split(".")[0]
            light = module.startswith("weft_hw.contract") or module in (
                "weft_hw.boards",
                "weft_hw.files",
                "weft_hw.processes",
            )
            if first == "weft_hw" and not light and eager:
                wrong.append((path, module))
            known = (path.name, first) in (("from_torch.py", "torch"), ("spread.py", "ray"))
            if first in HEAVY and not known and (path.parent.name, first) != ("serving", "ray"):
                wrong.append((path, module))
    assert wrong == []


def test_only_simulated_devices_import_the_simulator():
    """The device ``sim``, and the command that serves one."""
    found = {
        str(path.relative_to(ROOT / "host" / "weft"))
        for path in sources("host")
        for module, _ in imports(path)
        if module.split(".")[0] == "weft_sim"
    }
    assert found == {"driver/transports/sim.py", "cli/serve_sim.py"}


def test_only_the_command_imports_the_server():
    found = {
        str(path.relative_to(ROOT / "host" / "weft"))
        for path in sources("host")
        for module, _ in imports(path)
        if module.startswith("weft.serving") and path.parent.name != "serving"
    }
    assert found == {"cli/serve.py"}


def eager_imports(body, modules, *, types=False):
    """Yield which of ``modules`` are imported by statements that always run.

    With ``types`` instead those that are imported for type checkers only.
    """
    for node in body:
        if isinstance(node, ast.If):
            typing = "TYPE_CHECKING" in ast.unparse(node.test)
            if typing and types:
                yield from eager_imports(node.body, modules)
            yield from eager_imports(node.orelse if typing else node.body, modules, types=types)
        elif isinstance(node, ast.Try):
            yield from eager_imports(node.body, modules, types=types)
        elif types:
            continue
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                if name in modules or node.module in modules:
                    yield name if name in modules else node.module


def circle(graph):
    """Return the modules of a circle, or None."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return None


def package(module):
    return module.rpartition(".")[0]


def test_no_module_imports_itself_by_way_of_others():
    """For its types alone it may, within its package: a part then names the whole."""
    modules = {}
    for folder in ("hw/weft_hw", "sim/weft_sim", "host/weft"):
        for path in sources(folder):
            name = path.relative_to((ROOT / folder).parent).with_suffix("")
            modules[".".join(name.parts).removesuffix(".__init__")] = path
    bodies = {name: ast.parse(path.read_text()).body for name, path in modules.items()}
    graph = {name: set(eager_imports(body, modules)) - {name} for name, body in bodies.items()}
    assert sum(map(len, graph.values())) > len(modules)
    typed = {name: set(eager_imports(body, modules, types=True)) for name, body in bodies.items()}
    assert "weft_hw.link.commands" in typed["weft_hw.link.command_states"]
    for name, found in typed.items():
        graph[name] |= {module for module in found if package(module) != package(name)}
    assert circle(graph) is None
    assert circle({**graph, "weft.errors": {"weft.session.session"}}) is not None


def test_the_contract_imports_only_the_standard_library_and_its_records():
    for path in sources("hw/weft_hw/contract"):
        for module, _ in imports(path):
            first = module.split(".")[0]
            known = first in sys.stdlib_module_names or first == "msgspec"
            assert known or module.startswith("weft_hw.contract"), path


def test_the_table_of_boards_imports_neither_amaranth_nor_a_platform():
    platforms = {*sources("hw/weft_hw/boards/platforms")}
    for path in set(sources("hw/weft_hw/boards")) - platforms:
        for module, eager in imports(path):
            if eager and path.name not in ("top.py", "links.py", "sdram.py", "sdram_pads.py"):
                first = module.split(".")[0]
                light = module.startswith(("weft_hw.boards", "weft_hw.contract"))
                assert first in sys.stdlib_module_names or light, path
