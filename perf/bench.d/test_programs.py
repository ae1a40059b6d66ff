import json
import os
import tempfile
import unittest

import programs

ROW = {"schema": 1, "row": "ept_map 1 per segment", "group": "cycles", "unit": "ns/request",
       "median": 324, "low": 318, "high": 330, "rounds": 7, "correct": True}


class Parse(unittest.TestCase):
    def test_each_line_of_json_is_a_row(self):
        text = f"decoder: avx512\n{json.dumps(ROW)}\n{json.dumps({**ROW, 'row': 'other'})}\n"
        self.assertEqual(programs.parse(text), [ROW, {**ROW, "row": "other"}])

    def test_another_schema_is_refused(self):
        with self.assertRaises(ValueError):
            programs.parse(json.dumps({**ROW, "schema": 2}))

    def test_plain_lines_of_old_revisions_are_rows_too(self):
        text = ("ept_map, 1 per segment, 1000 connections: median 680 TSC cycles = 324 ns per "
                "request (range 318 to 330 ns, 7 rounds)\n  of which receive 4 ns (mean)\n")
        self.assertEqual(programs.parse(text), [ROW])


class Run(unittest.TestCase):
    def test_a_program_that_is_not_there_is_a_failed_row(self):
        (row,) = programs.run("/nonexistent/cycles", seconds=1)
        self.assertEqual((row["row"], row["correct"]), ("cycles", False))

    def test_a_program_without_rows_is_a_failed_row(self):
        (row,) = programs.run("/bin/true", seconds=5)
        self.assertFalse(row["correct"])

    def test_a_program_that_takes_too_long_is_a_failed_row(self):
        with tempfile.TemporaryDirectory() as directory:
            script = os.path.join(directory, "cycles")
            with open(script, "w", encoding="ascii") as file:
                file.write("#!/bin/sh\nexec sleep 5\n")
            os.chmod(script, 0o755)
            (row,) = programs.run(script, seconds=0.1)
        self.assertEqual((row["row"], row["correct"]), ("cycles", False))
