"""Speed, side by side: Narrows and what a user would pick instead, interleaved in one run.

``contract`` says what a job and a contender are, ``jobs`` has one file per job, ``contenders`` what
each library does in them.  ``conductor`` runs a job over worker processes, ``summary`` makes medians
and ratios of it, ``document`` keeps them as JSON, ``page`` and ``picture`` are made of the JSON alone.
"""
