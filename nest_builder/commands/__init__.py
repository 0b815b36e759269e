"""The commands of ``nest``, by what they are for. What they need is imported when they run, so that ``--help`` is quick."""
