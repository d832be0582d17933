"""What annotators read: the guiding questions, and the consent text where the owner gives no other."""

from __future__ import annotations

QUESTIONS = (
    ("At first glance", "What is this a picture of, in one sentence?"),
    ("Objects and counts", "Which things, animals or people are there, and how many of each?"),
    ("Text", "Which words, signs or numbers can be read, and where do they stand?"),
    ("Positions", "Where is what: left or right, in front or behind, above or below, touching or apart?"),
    ("Subtle details", "What would somebody overlook who sees it for a second only?"),
    ("Background", "What is behind and around the main things?"),
    (
        "Style and colour",
        "Which colours, light and mood? Is it a photo, a drawing, a screenshot; from where is it seen?",
    ),
)
"""A heading and a question each, in the order people are asked."""

_RIGHTS = """\

Your work carries a made-up number, not your name.

Taking part is voluntary. You may stop at any time, and you may ask the person who sent you the link to delete everything you did; \
they can tell you what was published before.
"""
CONSENT_POINTS = f"""\
Your clicks will be stored.

You are asked to point at things in pictures. What you point at may be used to make data that teach computers to find and count things, \
and these data may be published.
{_RIGHTS}"""
CONSENT_QA = f"""\
What you write will be stored.

You are asked to write questions about pictures, and to judge or write answers. What you write, also drafts that you reject and your \
reasons, may be used to make data that teach computers to answer questions, and these data may be published.
{_RIGHTS}
Please do not name people you recognise, and do not write anything private about yourself.
"""
CONSENT = """\
Your voice will be recorded.

What you say about the pictures is recorded and turned into text. Recordings and texts may be used to make data that teach computers \
to describe pictures, and these data may be published.

Your recordings carry a made-up number, not your name. A voice can still be recognised by those who know it.

Taking part is voluntary. You may stop at any time, and you may ask the person who sent you the link to delete everything you recorded; \
they can tell you what was published before.

Please do not name people you recognise, and do not say anything private about yourself.
"""
