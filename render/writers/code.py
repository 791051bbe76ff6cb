"""Program listings that look right: Python, C, JavaScript and shell lines from a small grammar each.

In a template §a to §e are names, §F a class, §U a constant, §n a number, §s a message, §o a comparison.
"""

import re
from dataclasses import dataclass

from render.writers.draws import Draws
from render.writers.words import content_words

_SLOT = re.compile("§([a-eFUnso])")
_MAX_DEPTH = 3
_BLOCK_SHARE = 0.35


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """Templates of one programming language; a block is (opening line, closing line or "")."""

    ending: str  # of its files
    heads: tuple[str, ...]  # lines at the top
    functions: tuple[tuple[str, str], ...]
    blocks: tuple[tuple[str, str], ...]
    statements: tuple[str, ...]
    last: tuple[str, ...]  # the last statement of a function
    indents: tuple[str, ...]
    camel: bool = False  # names as in rowCount, else as in row_count


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Lines of a program, indented with spaces, ASCII; and what the name of its file ends in, as "py"."""

    lines: tuple[str, ...]
    ending: str


PYTHON = Dialect(
    ending="py",
    heads=(
        "import os",
        "import sys",
        "from §a import §b",
        "import numpy as np",
        "#!/usr/bin/env python3",
        "# §s",
        "",
    ),
    functions=(
        ("def §a(§b, §c=§n):", ""),
        ("def §a(self, §b: int) -> str:", ""),
        ("class §F(§F):", ""),
        ("async def §a(*args, **kwargs):", ""),
        ("@property", ""),
    ),
    blocks=(
        ("for §a in range(§n):", ""),
        ("for §a, §b in §c.items():", ""),
        ("if §a §o §n:", ""),
        ("while not §a:", ""),
        ('with open("§a.txt") as §b:', ""),
        ("if §a is None and len(§b) §o §n:", ""),
        ("else:", ""),
    ),
    statements=(
        "§a = §b + §n",
        "§a = [§b for §b in §c if §b % §n == 0]",
        'print(f"§s: {§a}")',
        "self.§a = §b",
        "§a.append(§b[§n])",
        "§a = {'§b': §n, '§c': \"§s\"}",
        'raise ValueError("§s")',
        "§a, §b = §b, §a",
        "assert §a §o §b",
        "§a **= 0.5  # §s",
        "§a = np.zeros((§n, §n), dtype=np.float32)",
        "§a[:, 1:] -= §b @ §c",
        "# §s",
    ),
    last=("return §a", "return §a * §n", "pass", "yield §a"),
    indents=("    ", "  "),
)
C = Dialect(
    ending="c",
    heads=(
        "#include <stdio.h>",
        "#include <stdlib.h>",
        '#include "§a.h"',
        "#define MAX_§U §n",
        "/* §s */",
        "",
    ),
    functions=(
        ("int §a(int §b, char *§c) {", "}"),
        ("static void §a(void) {", "}"),
        ("struct §a {", "};"),
        ("double §a(const double *§b, size_t n) {", "}"),
    ),
    blocks=(
        ("for (int i = 0; i < §n; i++) {", "}"),
        ("if (§a §o §n && §b != NULL) {", "}"),
        ("while (§a->next) {", "}"),
        ("switch (§a) {", "}"),
        ("do {", "} while (§a > 0);"),
    ),
    statements=(
        "int §a = §n;",
        'printf("§s: %d\\n", §a);',
        "§a[i] = §b[i] * §n;",
        "§a->§b = &§c;",
        "free(§a);",
        "§a += §b << 2;",
        "char *§a = malloc(§n);",
        "§a = §b ? §c : 0x§nF;",
        "if (!§a) goto done;",
        "// §s",
        "§a &= ~(1u << §b) | §c ^ §d;",
        "memcpy(§a, §b, sizeof(§a));",
    ),
    last=("return §a;", "return 0;", "return -1;", "exit(1);"),
    indents=("    ", "  ", "\t".expandtabs(8)),
)
JAVASCRIPT = Dialect(
    ending="js",
    heads=("'use strict';", "import { §a, §b } from './§c';", "const §a = require('§b');", "// §s", ""),
    functions=(
        ("function §a(§b, §c) {", "}"),
        ("export const §a = async (§b) => {", "};"),
        ("class §F extends §F {", "}"),
        ("app.get('/§a/:id', (req, res) => {", "});"),
    ),
    blocks=(
        ("if (§a !== undefined && §b.length §o §n) {", "}"),
        ("for (const §a of §b) {", "}"),
        ("§a.forEach((§b) => {", "});"),
        ("try {", "} catch (§a) {}"),
    ),
    statements=(
        "const §a = §b.map(x => x * §n);",
        "let §a = `§s ${§b}`;",
        "console.log('§s', §a);",
        "§a.§b = { §c: §n, §d: true };",
        "await §a(§b ?? §n);",
        "document.getElementById('§a').innerHTML = §b;",
        "this.§a = [...§b, §n];",
        "// §s",
        "const url = 'https://§a.example.com/§b?id=' + §c;",
    ),
    last=("return §a;", "return { §a, §b };", "return null;", "res.json(§a);"),
    indents=("  ", "    "),
    camel=True,
)
SHELL = Dialect(
    ending="sh",
    heads=("#!/bin/bash", "set -euo pipefail", "# §s", "export §U=/usr/local/§a", ""),
    functions=(("§a() {", "}"), ("for §a in *.§b; do", "done"), ("while read -r §a; do", "done")),
    blocks=(
        ('if [ -f "$§a" ]; then', "fi"),
        ("for i in $(seq 1 §n); do", "done"),
        ("if [[ $§a == §n ]]; then", "fi"),
    ),
    statements=(
        'echo "§s: $§a"',
        "§a=$(cat §b.txt | grep -v '^#' | wc -l)",
        "mkdir -p ~/§a/§b && cd $_",
        "tar -xzf §a-§n.tar.gz",
        "sudo apt-get install -y §a",
        "git commit -m '§s'",
        "cp -r ./§a/* /tmp/§b/",
        "awk '{ print $§n }' §a.csv > §b.log 2>&1",
        "curl -s http://localhost:§n/§a | jq '.§b[]'",
    ),
    last=("exit 0", "return 1", "wait", "shift"),
    indents=("  ", "    "),
)
_DIALECTS = (PYTHON, PYTHON, C, JAVASCRIPT, SHELL)


def listing(draws: Draws, num_lines: int) -> Listing:
    """`num_lines` (at least 1) lines of one language."""
    dialect = draws.pick(_DIALECTS)
    indent = draws.pick(dialect.indents)
    names = [_name(draws, dialect.camel) for _ in range(10)]
    templates = [draws.pick(dialect.heads) for _ in range(draws.below(4))]
    while len(templates) < num_lines:
        opening, closing = draws.pick(dialect.functions)
        templates += [opening, *_body(draws, dialect, indent, 1), indent + draws.pick(dialect.last)]
        templates += [closing, ""] if closing else [""]
    lines = tuple(_fill(template, draws, names) for template in templates[:num_lines])
    return Listing(lines=lines, ending=dialect.ending)


def _body(draws: Draws, dialect: Dialect, indent: str, depth: int) -> list[str]:
    """One to five statements or blocks, each line indented by `depth`."""
    lines: list[str] = []
    for _ in range(draws.between(1, 5)):
        if depth < _MAX_DEPTH and draws.chance(_BLOCK_SHARE):
            opening, closing = draws.pick(dialect.blocks)
            lines += [indent * depth + opening, *_body(draws, dialect, indent, depth + 1)]
            lines += [indent * depth + closing] if closing else []
        else:
            lines.append(indent * depth + draws.pick(dialect.statements))
    return lines


def _name(draws: Draws, camel: bool) -> str:
    one, two = (content_words("en").pick(draws).replace("'", "").lower() for _ in range(2))
    joined = one + two.capitalize() if camel else f"{one}_{two}"
    return draws.pick((one, joined, joined, one[0]))


def _fill(template: str, draws: Draws, names: list[str]) -> str:
    def replacement(slot: re.Match[str]) -> str:
        kind = slot[1]
        if kind == "n":
            return str(draws.pick((0, 1, 2, 8, 10, 16, 64, 100, 255, 1024)))
        if kind == "o":
            return draws.pick(("<", ">", "==", ">=", "<=", "!="))
        if kind == "s":
            return " ".join(content_words("en").pick(draws) for _ in range(draws.between(1, 3))).replace("'", "")
        name = draws.pick(names)
        return {"F": name.title().replace("_", ""), "U": name.upper()}.get(kind, name)

    return _SLOT.sub(replacement, template)
