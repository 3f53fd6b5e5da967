"""Files of strangers who would like a page to run a script: `pwned` is what that would set.

Every way that a text of a file takes to a page is among them: its lines and comments, names,
texts, what it prints, messages, and what it is called.
"""

from __future__ import annotations

_SCRIPT = "<script>window.pwned = 1</script>"
_IMAGE = "<img src=x onerror='window.pwned=1'>"
_RUN = "w = param(1.0)\nloss = w**2\n"

FILES = [
    f"# {_SCRIPT}\n{_RUN}",
    f'{_RUN}y = w*len("{_SCRIPT}")',
    f'{_RUN}print("{_SCRIPT}", w)\nprint("</pre>{_IMAGE}")',
    f'{_RUN}assert w > 2, "</code>{_IMAGE}"',
    f'# </script><script>window.pwned = 1</script>\n{_RUN}y = w*len("</script>{_SCRIPT}<!--")',
    f'{_RUN}y = w*len("]]></style>{_SCRIPT}<![CDATA[")',
    f'{_RUN}y = w*len(\'"><svg onload=window.pwned=1> " autofocus onfocus=window.pwned=1 x="\')',
    f"{_RUN}y = w*len('\u2028window.pwned = 1\u2029 \u202e\u2066 \u0000 \x1b[31m')".replace(
        "\0", ""
    ),
    f'権重_𝒲 = param(2.0)\n損失 = 権重_𝒲**2\nprint("🎉 \u202e{_IMAGE}")\n損失*len("🧨\u200d🔥")',
    f'{_RUN}d = {{"{_SCRIPT}": w}}\ny = d["{_SCRIPT}"]*2\nprint(f"{{w}} {_IMAGE}")',
    f"{_RUN}x = param([0.0])\ny = sqrt(x)  # {_IMAGE}\nloss = sum(y*len('{_SCRIPT}'))",
    f'{_RUN}s = "javascript:window.pwned=1"\nt = ["{_SCRIPT}", 1]',
    f'{_RUN}assert w < len("{_SCRIPT}")\nassert isclose(w, 1.0*len("{_IMAGE}"))',
    f'x = param([0.0])\nloss = sum(sqrt(x*len("{_SCRIPT}")))',
    f'loss = sum(param(ones(len("{_IMAGE}"))))',
    '"' + _SCRIPT + '"\nlen("&lt;script&gt;")',
]
NAMES = [
    "page.expr",
    f"{_SCRIPT}.expr",
    f'"><{_IMAGE[1:]}.expr',
    "</title></head><script>window.pwned = 1</script>\u2028\u202e.expr",
    "\udcff</script>'\"&amp;.expr",
]
