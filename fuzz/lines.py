"""Prints the percentage of the lines of a parser that ran, from LCOV data on standard input.

The files also hold functions that describe the input for `/openapi.json`. These are not counted.
"""

import re
import sys
from pathlib import Path

BEGINNING = re.compile(r"^( *)(pub(\(.*?\))? )?(const )?fn |^( *)schema: \|\| \{")
DESCRIBING = re.compile(
    r"schema: \|\||const fn|-> (RefOr<Schema>|Description|Vec<(Parameter|Description)>)"
)


def describing_lines(source: str) -> set[int]:
    """Returns the numbers of the lines of functions that only describe."""
    lines = source.splitlines()
    found: set[int] = set()
    for first, line in enumerate(lines):
        if not BEGINNING.match(line) or line.rstrip().endswith(";"):
            continue
        indent = line[: len(line) - len(line.lstrip())]
        last = next(
            number for number in range(first, len(lines)) if lines[number].startswith(indent + "}")
        )
        head = next(number for number in range(first, last + 1) if lines[number].endswith("{"))
        if DESCRIBING.search("\n".join(lines[first : head + 1])):
            found.update(range(first + 1, last + 2))
    return found


def main() -> None:
    ran = total = 0
    skipped: set[int] = set()
    for line in sys.stdin:
        kind, _, rest = line.strip().partition(":")
        if kind == "SF":
            skipped = describing_lines(Path(rest).read_text())
        elif kind == "DA":
            number, count = rest.split(",")[:2]
            if int(number) not in skipped:
                total += 1
                ran += int(count) > 0
    print(f"{100 * ran / total:.1f}")


main()
