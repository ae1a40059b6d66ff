import unittest

import against


def sides(before, after, unit="ns/request"):
    return tuple([{"ept_map": (unit, value)} for value in side] for side in (before, after))


class Verdict(unittest.TestCase):
    def slower(self, before, after, unit="ns/request"):
        (row,) = against.compare(*sides(before, after, unit))
        return row["slower"]

    def test_a_tenth_more_time_in_every_round_is_slower(self):
        self.assertTrue(self.slower([100] * 7, [110] * 7))

    def test_less_than_the_threshold_is_not(self):
        self.assertFalse(self.slower([100] * 7, [102] * 7))

    def test_quicker_is_not(self):
        self.assertFalse(self.slower([100] * 7, [80] * 7))

    def test_one_quick_round_in_seven_does_not_hide_it(self):
        self.assertTrue(self.slower([100] * 7, [110] * 6 + [90]))

    def test_rounds_that_disagree_are_noise(self):
        self.assertFalse(self.slower([100] * 7, [110] * 5 + [90] * 2))

    def test_one_slow_round_is_noise(self):
        self.assertFalse(self.slower([100] * 7, [100] * 6 + [300]))

    def test_rounds_are_compared_with_their_own(self):
        before = [100, 200, 100, 200, 100, 200, 100]
        self.assertTrue(self.slower(before, [value * 1.1 for value in before]))

    def test_fewer_a_second_is_slower(self):
        self.assertTrue(self.slower([100] * 7, [90] * 7, "requests/s"))
        self.assertFalse(self.slower([100] * 7, [110] * 7, "requests/s"))


class Rows(unittest.TestCase):
    def test_only_rows_of_both_revisions_are_compared(self):
        before = [{"a": ("ns/request", 1), "old": ("ns/request", 1)}] * 2
        after = [{"a": ("ns/request", 1), "new": ("ns/request", 1)}] * 2
        self.assertEqual([row["row"] for row in against.compare(before, after)], ["a"])
