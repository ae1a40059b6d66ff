import unittest

import figures


class Figures(unittest.TestCase):
    def test_the_median_of_an_even_number_lies_between_the_two_in_the_middle(self):
        for values, expected in (([3], 3), ([9, 1, 5], 5), ([4, 1, 2, 9], 3), ([2, 1], 1.5)):
            self.assertEqual(figures.median(values), expected, values)

    def test_there_is_no_median_of_nothing(self):
        with self.assertRaises(ValueError):
            figures.median([])

    def test_a_row_has_median_and_range_of_its_values(self):
        row = figures.row("wire", "a", "requests/s", [7, 3, 5])
        self.assertEqual((row["median"], row["low"], row["high"], row["rounds"]), (5, 3, 7, 3))

    def test_of_a_rate_the_share_is_what_is_reached_of_the_limit(self):
        row = figures.row("wire", "a", "requests/s", [5], limit={"what": "b", "value": 20})
        self.assertEqual(figures.share(row), 0.25)

    def test_where_less_is_better_the_share_is_what_the_limit_is_of_it(self):
        for unit in ("ns/request", "us", "bytes/entry"):
            row = figures.row("cycles", "a", unit, [200], limit={"what": "b", "value": 50})
            self.assertEqual(figures.share(row), 0.25, unit)

    def test_of_rates_and_ratios_more_is_better(self):
        for unit, less in (("requests/s", False), ("frames/s", False), ("times", False),
                           ("ns/request", True), ("us", True), ("bytes/entry", True)):
            self.assertEqual(figures.less_is_better(unit), less, unit)

    def test_without_a_limit_or_without_a_figure_there_is_no_share(self):
        self.assertIsNone(figures.share(figures.row("wire", "a", "requests/s", [5])))
        self.assertIsNone(figures.share(figures.failed("wire", "a", "why")))

    def test_ratios_are_of_rounds_that_were_measured_together(self):
        # The machine was twice as fast in the first round: the medians alone would say 0.5.
        mine = figures.row("wire", "a", "requests/s", [40, 5, 10])
        other = figures.row("wire", "b", "frames/s", [80, 20, 20])
        found = figures.compared(mine, other, "b")
        self.assertEqual(found["ratio"], {"median": 0.5, "low": 0.25, "high": 0.5})
        self.assertEqual(found["limit"], {"what": "b", "value": 20})
        self.assertEqual(figures.share(found), 0.5)

    def test_a_failed_row_says_why(self):
        row = figures.failed("wire", "a", "no answer")
        self.assertFalse(row["correct"])
        self.assertEqual(row["why"], "no answer")
