import unittest

import wire
from check import Failed


def report(answers, passed=True):
    return {"passed": passed, "answered_per_s": 1000, "counters": {"answers": answers}}


class Truth(unittest.TestCase):
    def test_a_rate_counts_when_both_sides_counted_the_same(self):
        self.assertEqual(wire.checked(report(7), 7), 1000)

    def test_an_answer_that_one_side_did_not_count_makes_the_run_fail(self):
        for served in (6, 8):
            with self.assertRaises(Failed):
                wire.checked(report(7), served)

    def test_wrong_answers_make_the_run_fail(self):
        with self.assertRaises(Failed):
            wire.checked(report(7, passed=False), 7)
