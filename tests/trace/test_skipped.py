"""What has no gradient is passed over, with one notice; what would be a number of it is refused."""

from __future__ import annotations

import pytest

from gradcli import loads
from gradcli.errors import GradcliError

PLT = "import torch, matplotlib.pyplot as plt\nn = plt.hist([1, 2])\n"
# a file; what it prints; the lines of the notice and what it lists, None where there is none
PASSED: dict[str, tuple[str, str | None]] = {
    "import matplotlib.pyplot as plt\nfig, axes = plt.subplots(2, 3)\nk = 0\n"
    "for row in axes:\n    for ax in row:\n        k += 1\n        ax.plot([k])\n"
    "print(k, len(axes))":
        ("6 2", "line 2, 7: matplotlib"),
    "import matplotlib.pyplot as plt\nfig, axes = plt.subplots(2, 3)\n"
    "print(sum(1 for ax in axes.flat), len([x for ax, x in zip(axes.ravel(), [1, 2])]))":
        ("6 2", "line 2: matplotlib"),
    "import matplotlib.pyplot as plt\nfig, ax = plt.subplots()\nax.plot([1])\nprint(3)":
        ("3", "line 2, 3: matplotlib"),
    "import matplotlib.pyplot as plt\nfor ax, x in zip(plt.gcf().axes, [1, 2]):\n"
    "    ax.plot(x)\n    print(x)": ("1\n2", "line 2, 3: matplotlib"),
    "from tqdm import tqdm, trange\nbar = tqdm([1, 2])\nfor x in bar:\n"
    "    bar.set_postfix(x=x)\n    print(x)\nprint(len(bar), list(trange(2)))":
        ("1\n2\n2 [0, 1]", "line 2, 4, 6: tqdm"),
    "with open('log.txt', 'w') as f:\n    print(1, file=f)\n    f.write('a')\nprint(2)":
        ("2", "line 1, 3: open"),
    "import os\nos.makedirs('out', exist_ok=True)\nos.environ['A'] = 'b'\n"
    "print(os.path.join('out', 'a.png'), os.environ.get('A', 'c'))":
        ("out/a.png c", "line 2: os.makedirs"),
    "import os\nif not os.path.exists('out'):\n    os.mkdir('out')\nprint(1)":
        ("1", "line 2, 3: os.path, os.mkdir"),
    "import torch\ndevice = torch.device('cuda' if torch.cuda.is_available() else 'cpu')\n"
    "print(device.type, torch.ones(1).cuda().pin_memory().is_cuda, torch.cuda.device_count())":
        ("cpu False 0", None),
    "import torch\ntorch.cuda.synchronize()\ntorch.backends.cudnn.benchmark = True\nprint(1)":
        ("1", "line 2: torch.cuda"),
    "import torch\n@torch.compile\ndef f(x):\n    return 2 * x\n"
    "@torch.compile(mode='max-autotune')\ndef g(x):\n    return 3 * x\nprint(f(1), g(1))":
        ("2 3", None),
    "import torch\nm = torch.nn.Linear(2, 1)\ntorch.save(m.state_dict(), 'm.pt')\n"
    "before = m.weight.detach().clone()\nwith torch.no_grad():\n    m.weight.zero_()\n"
    "m.load_state_dict(torch.load('m.pt', weights_only=True))\n"
    "print(torch.equal(before, m.weight))": ("True", "line 3: torch.save"),
    "import torch\nw = torch.ones(1, requires_grad=True)\nopt = torch.optim.SGD([w], lr=1.0)\n"
    "scaler = torch.amp.GradScaler('cuda')\nwith torch.autocast('cuda'):\n    loss = 2 * w.sum()\n"
    "scaler.scale(loss).backward()\nscaler.step(opt)\nscaler.update()\nprint(w.item())":
        ("-1.0", None),
    "import logging\nlog = logging.getLogger(__name__)\nlog.info('x')\nprint(1)":
        ("1", "line 2, 3: logging"),
    "%matplotlib inline\n!nvidia-smi\nsum?\n?sum\nx = %lsmagic\nprint(1)":
        ("1", "line 1, 2, 3, 4, 5: %matplotlib, !nvidia-smi, sum?, ?sum, %lsmagic"),
    "f = lambda: 3\nx = %time f()\n%time y = f() + 1\nprint(x, y, 7 %f())": ("3 4 1", None),
    "display(1)\nprint(2)": ("2", "line 1: display"),
    "import numpy as np\nnp.save('a.npy', np.ones(2))\nprint(1)": ("1", "line 2: numpy.save"),
}  # fmt: skip
# a file in which what is passed over would be a number; what is said
REFUSED = {
    PLT + "y = torch.ones(2) * n": "cannot combine a tensor and `matplotlib.pyplot.hist()` "
    "(passed over, line 2)",
    PLT + "y = torch.sin(n)": "not `matplotlib.pyplot.hist()` (passed over, line 2)",
    PLT + "y = torch.tensor(n)": "not of `matplotlib.pyplot.hist()` (passed over, line 2)",
    PLT + "x = torch.ones(2)\nx[0] = n": "(passed over, line 2)",
    PLT + "x = torch.ones(2)\nx += n / 2": "(passed over, line 2)",
    PLT + "y = torch.ones(2) if n == 1 else 0": "whether `matplotlib.pyplot.hist()` "
    "(passed over, line 2) is true is not known",
    PLT + "for x in n:\n    print(x)": "how often a loop over `matplotlib.pyplot.hist()`",
    PLT + "y = float(n)": "not 'matplotlib.pyplot.hist()'",
    PLT + "n.backward()": "has no gradients to compute",
    "import torch, wandb\nlr = wandb.config.lr\ny = lr * torch.ones(2)": "`wandb.config.lr`",
    "with open('x.txt') as f:\n    pass": "open() reads no file here",
    "import torch\ntorch.load('x.pt')": "may hold a pickle",
    "import torch\nwith torch.autocast('cpu'):\n    pass": "computes in bfloat16",
    "files = !ls": "`!` is not part of the language",
}


@pytest.mark.parametrize("text", PASSED)
def test_what_has_no_gradient_is_passed_over_with_one_notice(text: str) -> None:
    printed, notice = PASSED[text]
    run = loads(text)
    assert "\n".join(run.printed) == printed
    over = run.inspection.passed_over
    said = (
        ", ".join(str(line.line) for line in over)
        + ": "
        + ", ".join(dict.fromkeys(line.what for line in over))
    )
    assert (f"line {said}" if over else None) == notice
    assert sum("passed over" in w.message for w in run.notices) == bool(over)


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_passed_over_is_no_number(text: str) -> None:
    with pytest.raises(GradcliError) as raised:
        loads(text)
    assert REFUSED[text] in str(raised.value)
