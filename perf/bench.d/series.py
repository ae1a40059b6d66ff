"""Several rows that are measured in turn, round by round, each run with its placement."""

import subprocess

import figures
import placement as placements
from check import Failed


class Series:
    def __init__(self, group, name, unit, **more):
        self.group, self.name, self.unit, self.more = group, name, unit, more
        self.values, self.labels, self.why = [], [], None

    def measure(self, placement, run):
        """One more round of run(), which returns a value or raises Failed."""
        if self.why is not None:
            return
        try:
            value, label = placement.run(run)
        except (Failed, OSError, ValueError, subprocess.SubprocessError) as failure:
            self.fail(failure)
        else:
            self.values.append(value)
            self.labels.append(label)

    def fail(self, why):
        self.why = self.why or str(why)

    def row(self):
        if self.why is not None or not self.values:
            return figures.failed(self.group, self.name, self.why or "not measured")
        return figures.row(self.group, self.name, self.unit, self.values,
                           placement=placements.summary(self.labels), **self.more)


def rows(measured, limits):
    """The rows of all series; limits: {a series: (the series to hold it against, its name)}."""
    made = {series: series.row() for series in measured}
    for series, (reference, what) in limits.items():
        if made[series]["correct"] and made[reference]["correct"]:
            made[series] = figures.compared(made[series], made[reference], what)
    return list(made.values())
