"""The report for people."""

import figures

HEADER = ("row", "median", "range", "runs", "share", "placement", "limit")
RED, YELLOW, PLAIN = "\033[31m", "\033[33m", "\033[0m"


def number(value):
    """Three digits that count: 2.20M, 29.0k, 324, 8.51."""
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= unit * (10 if letter == "k" else 1):
            return number(value / unit) + letter
    decimals = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:.{decimals}f}"


def cells(row):
    if not row["rounds"]:
        return (row["row"], "FAILED", "", "", "", "", row.get("why", ""))
    share = figures.share(row)
    limit = row.get("limit") or {}
    against = f"{number(limit['value'])} {limit['what']}" if limit.get("value") else ""
    if not row["correct"]:
        against = f"WRONG: {row.get('why', 'an answer was not the right one')}"
    return (row["row"], f"{number(row['median'])} {row['unit']}",
            f"{number(row['low'])} to {number(row['high'])}", str(row["rounds"]),
            "" if share is None else f"{100 * share:.0f}%", row.get("placement", ""), against)


def colour(row, text):
    if not row["correct"]:
        return RED + text + PLAIN
    placement = row.get("placement", "near")
    return text if placement.startswith("near") and "," not in placement else YELLOW + text + PLAIN


def lines(rows, coloured=False):
    """The rows under the name of their group, each group where its first row stands."""
    groups = {}
    for row in rows:
        groups.setdefault(row["group"], []).append(row)
    table = [HEADER, *(cells(row) for row in rows)]
    widths = [max(len(line[i]) for line in table) for i in range(len(HEADER) - 1)]
    for group, members in groups.items():
        yield from ([""] if members is not next(iter(groups.values())) else [])
        yield group
        for row in [None, *members]:
            line = HEADER if row is None else cells(row)
            text = "  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths))
            text = f"{text}  {line[-1]}".rstrip()
            yield colour(row, text) if coloured and row else text
