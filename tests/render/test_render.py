import subprocess
import sys


def test_importing_the_list_imports_neither_rich_nor_numpy() -> None:
    code = "import sys, gradcli.render; print({'rich', 'numpy'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"
