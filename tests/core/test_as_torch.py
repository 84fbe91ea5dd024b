"""Programs written against plain ``import torch`` run unchanged, and print what they print on PyTorch."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = sorted(p for p in (Path(__file__).parent.parent / "programs").glob("*.py") if p.name != "run_all.py")
RUNNER = PROGRAMS[0].parent / "run_all.py"
NUMBER = re.compile(r"-?\d+\.\d*(?:e[+-]?\d+)?|-?\d+")


def printed(*command):
    run = subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=600)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_programs_print_the_same():
    names = list(map(str, [RUNNER, *PROGRAMS]))
    ours = json.loads(printed("-m", "rustorch", *names).splitlines()[-1])
    theirs = json.loads(printed(*names).splitlines()[-1])
    assert (ours.pop("torch"), theirs.pop("torch")) == ("rustorch", "torch")
    assert len(theirs) == len(PROGRAMS) >= 6
    for name, text in theirs.items():
        assert "Traceback" not in text, text
        assert NUMBER.sub("#", ours[name]) == NUMBER.sub("#", text), name
        numbers = [[float(x) for x in NUMBER.findall(t)] for t in (ours[name], text)]
        assert numbers[0] == pytest.approx(numbers[1], rel=2e-2, abs=2e-3), name


def test_what_is_missing_is_named(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import sys, torch, torch.backends.cudnn as cudnn\n"
        "cudnn.benchmark = True\n"
        "for code in ('import torch.nothing.here', 'from torch.nn import Nothing', 'torch.nothing'):\n"
        "    try: exec(code)\n"
        "    except (ImportError, AttributeError) as e: print(type(e).__name__, e)\n"
        "print(sys.argv[1:], __name__, torch.nn.Linear is sys.modules['torch.nn'].Linear)\n"
    )
    lines = printed("-m", "rustorch", str(program), "--steps", "3").splitlines()
    assert lines[0] == "ModuleNotFoundError rustorch has no counterpart of the module 'torch.nothing' yet."
    assert lines[1].startswith("ImportError cannot import name 'Nothing' from 'rustorch.nn'")
    assert lines[2] == "AttributeError module 'rustorch' has no attribute 'nothing'"
    assert lines[3] == "['--steps', '3'] __main__ True"


def test_too_late_to_install():
    code = "import torch, rustorch\ntry: rustorch.install_as_torch()\nexcept RuntimeError as e: print(e)"
    assert "must come before the first `import torch`" in printed("-c", code)


def test_install_and_uninstall():
    code = (
        "import sys, rustorch; rustorch.install_as_torch()\n"
        "import torch, torch.nn.functional as F\n"
        "assert torch is rustorch and F is rustorch.nn.functional\n"
        "rustorch.uninstall_as_torch(); assert 'torch' not in sys.modules\n"
        "import torch; print(torch.__name__)"
    )
    assert printed("-c", code) == "torch\n"
