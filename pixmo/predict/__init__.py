"""Answers of a Molmo about the rows of a set: captions, points, counts, answers to questions."""
