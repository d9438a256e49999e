"""Functions whose calls keep their place and order: what they give depends on calls before them.

A call of one stands alone, ``name = function(...)``, never inside an expression.
"""

from __future__ import annotations

#: Read memory that other calls change; one whose value nobody uses may be dropped.
READS = frozenset({"element", "netcon"})
#: Move on at every call; none may be dropped.
DRAWS: frozenset[str] = frozenset()
ORDERED = READS | DRAWS
