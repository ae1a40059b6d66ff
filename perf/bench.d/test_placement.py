import unittest

import placement


def measured(one, two, one_together=1.0, two_together=1.0):
    return {"one_line": {"median": one, "together": one_together},
            "two_lines": {"median": two, "together": two_together}}


class Labels(unittest.TestCase):
    def test_each_placement_seen_on_real_machines_has_its_label(self):
        for one, two, expected in ((56, 102, "near"), (94, 127, "near"), (64, 48, "smt"),
                                   (310, 480, "far"), (452, 597, "far")):
            self.assertEqual(placement.label(measured(one, two)), expected, (one, two))

    def test_cores_that_others_take_too_are_shared(self):
        for together in ((0.2, 1), (1, 0.2)):
            self.assertEqual(placement.label(measured(56, 102, *together)), "near shared")

    def test_a_run_between_two_different_placements_was_moved(self):
        self.assertEqual(placement.over("near", "far"), "moved")
        self.assertEqual(placement.over("near", "near"), "near")

    def test_a_run_is_shared_when_it_was_on_either_side(self):
        self.assertEqual(placement.over("near shared", "near"), "near shared")
        self.assertEqual(placement.over("near", "near shared"), "near shared")

    def test_a_summary_counts_only_what_differs(self):
        self.assertEqual(placement.summary(["near", "near"]), "near")
        self.assertEqual(placement.summary(["near", "far", "near"]), "near 2, far 1")


class Told(placement.Placement):
    """A placement that answers what it is told to."""

    def __init__(self, answers, attempts=3):
        super().__init__("", attempts)
        self.answers = iter(answers)

    def ask(self):
        return next(self.answers)


class Runs(unittest.TestCase):
    def runs(self, answers, attempts=3):
        values = iter(range(1, 9))
        return Told(answers, attempts).run(lambda: next(values))

    def test_a_run_on_near_cores_is_kept(self):
        self.assertEqual(self.runs(["near", "near"]), (1, "near"))

    def test_a_run_on_far_cores_is_repeated(self):
        self.assertEqual(self.runs(["far", "far", "near", "near"]), (3, "near"))

    def test_the_last_attempt_is_kept_with_its_label(self):
        self.assertEqual(self.runs(["far", "far", "far"], attempts=2), (2, "far"))
