import unittest

import figures
import table


class Table(unittest.TestCase):
    def test_numbers_keep_three_digits(self):
        for value, expected in ((324, "324"), (8.514, "8.51"), (97.04, "97.0"), (5670, "5670"),
                                (29012, "29.0k"), (2203456, "2.20M"), (0, "0.00")):
            self.assertEqual(table.number(value), expected)

    def test_a_row_shows_its_share_and_what_of(self):
        row = figures.row("wire", "a", "requests/s", [4, 5, 6], placement="near",
                          limit={"what": "frames/s", "value": 20})
        self.assertEqual(table.cells(row), ("a", "5.00 requests/s", "4.00 to 6.00", "3", "25%",
                                            "near", "20.0 frames/s"))

    def test_a_row_that_was_not_measured_says_why(self):
        text = "\n".join(table.lines([figures.failed("wire", "a", "no answer")]))
        self.assertIn("FAILED", text)
        self.assertIn("no answer", text)

    def test_wrong_answers_are_said_beside_their_figure(self):
        row = {**figures.row("wire", "a", "requests/s", [4]), "correct": False}
        self.assertIn("WRONG", "\n".join(table.lines([row])))

    def test_without_colour_there_is_no_escape(self):
        rows = [figures.failed("wire", "a", "why"), figures.row("wire", "b", "x/s", [1])]
        self.assertNotIn("\033", "\n".join(table.lines(rows)))
        self.assertIn("\033", "\n".join(table.lines(rows, coloured=True)))

    def test_rows_stand_under_their_group(self):
        rows = [figures.row(group, name, "x/s", [1])
                for group, name in (("wire", "a"), ("peers", "b"), ("wire", "c"))]
        first = [line.split()[0] for line in table.lines(rows) if line]
        self.assertEqual(first, ["wire", "row", "a", "c", "peers", "row", "b"])
