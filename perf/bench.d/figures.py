"""Rows and the arithmetic on them. A row is a dictionary, the one that --json prints.

schema, row, group, unit, median, low, high, rounds and correct are always there; limit
({"what", "value"}), share, ratio, placement, settings, latency_us, why and whatever else a program
reports are there when they mean something. A unit that begins with "ns" is a time: less is better.
"""

SCHEMA = 1


def median(values):
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no values")
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def less_is_better(unit):
    """Of rates and ratios more is better, of times and sizes less."""
    return unit != "times" and not unit.endswith("/s")


def spread(values):
    """Median and range, as members of a row."""
    return {"median": median(values), "low": min(values), "high": max(values)}


def row(group, name, unit, values, **more):
    """A row of values that were all measured with the right answers."""
    return {"schema": SCHEMA, "row": name, "group": group, "unit": unit, **spread(values),
            "rounds": len(values), "values": list(values), "correct": True,
            "better": "less" if less_is_better(unit) else "more", **more}


def failed(group, name, why):
    """A row that could not be measured, or whose answers were wrong."""
    return {"schema": SCHEMA, "row": name, "group": group, "unit": "", "median": None, "low": None,
            "high": None, "rounds": 0, "correct": False, "why": str(why)}


def compared(found, reference, what):
    """`found` with the row `reference` as its limit, and the ratio of rounds to rounds.

    Round i of both was measured within the same minute, so their ratio holds where neither does.
    """
    ratios = [mine / other for mine, other in zip(found["values"], reference["values"])]
    return {**found, "limit": {"what": what, "value": reference["median"]}, "ratio": spread(ratios)}


def share(found):
    """The share of its limit that a row reaches, or None: the median of ratios when there are any.

    Where less is better the limit is the smaller one.
    """
    if "ratio" in found:
        return found["ratio"]["median"]
    limit = (found.get("limit") or {}).get("value")
    if not limit or not found["median"]:
        return None
    return limit / found["median"] if less_is_better(found["unit"]) else found["median"] / limit
