"""What each library does in the jobs: classes ``(folder, **options)`` with ``run(case) -> figures``.

A module imports its library at the top, because it is itself imported in that library's worker alone.
"""
