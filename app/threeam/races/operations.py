"""The operations that lines name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from threeam.core.errors import BadInput
from threeam.races.access import OperationKind
from threeam.races.phrase import singular
from threeam.races.statements import find_statement
from threeam.races.verb_context import Surroundings
from threeam.races.verb_reading import NamedOperation, read_verb, read_verb_nearby, surroundings
from threeam.races.verbs import Operation, known_verbs

_FOR_UPDATE = re.compile(rb"\bselect\b.*\bfor\s+(?:no\s+key\s+)?update\b", re.IGNORECASE | re.DOTALL)
_NEAR_BYTES = 512  # before and after the key
_MAX_SURROUNDINGS = 20_000  # that are remembered


class Operations:
    """The verbs that are known. ``extra``: more of them, of ``--op``; they replace those of the table."""

    def __init__(self, extra: Mapping[str, OperationKind] | None = None) -> None:
        self._verbs = known_verbs(extra or {})
        # The operations of lines by the text around their keys: most lines are of a few shapes.
        self._of_surroundings: dict[tuple[bytes, int, bytes, bool], NamedOperation] = {}
        self._in_lines = {
            form.encode(): operation
            for word, operation in self._verbs.items()
            for form in (word, word.upper(), word.capitalize())
        }

    def of_word(self, word: str) -> Operation:
        """Return the operation that ``word`` names."""
        word = word.strip().lower()
        return self._verbs.get(word) or Operation(word, None)

    def near(
        self, text: bytes, begin: int, end: int, match_begin: int, *, may_be_statement: bool = True
    ) -> NamedOperation:
        """Return the operation that ``text`` says of the key between ``begin`` and ``end``.

        It is the verb nearest to the match, which begins at ``match_begin``. In a statement of SQL it is the verb of
        the statement. ``may_be_statement``: whether `STATEMENT_MARK` may match the text.
        """
        if may_be_statement and (statement := find_statement(text, begin)) is not None:
            operation = self._verbs.get(statement.verb) or Operation(statement.verb, _STATEMENT_KINDS[statement.verb])
            return NamedOperation(operation, singular(statement.table))
        if (b"or update" in text or b"OR UPDATE" in text) and _FOR_UPDATE.search(text):
            return NamedOperation(Operation("select for update", OperationKind.LOCK))
        around = surroundings(text, begin, end, match_begin)
        named = self._of_surroundings.get(around)
        if named is None:
            named = read_verb_nearby(self._in_lines, Surroundings(*around))
            if named is None:
                start = max(0, begin - _NEAR_BYTES)
                whole = Surroundings(text[start:begin], max(0, match_begin - start), text[end : end + _NEAR_BYTES])
                return read_verb(self._in_lines, whole)
            if len(self._of_surroundings) < _MAX_SURROUNDINGS:
                self._of_surroundings[around] = named
        return named


_STATEMENT_KINDS: Mapping[str, OperationKind | None] = {
    "select for update": OperationKind.LOCK,
    "parse": None,
    "bind": None,
}


def parse_operations(texts: Sequence[str]) -> Operations:
    """Return the operations with the words of ``--op W=touch,bump``. Raises `BadInput`."""
    extra: dict[str, OperationKind] = {}
    for text in texts:
        letter, equals, words = text.partition("=")
        names = [word.strip() for word in words.split(",")]
        if not equals or letter.upper() not in list(OperationKind) or not all(names):
            letters = ", ".join(f"{kind.value} {kind.name.lower()}" for kind in OperationKind)
            raise BadInput(f"--op {text}: write a letter and words, as in W=touch,bump; the letters: {letters}")
        extra.update(dict.fromkeys(names, OperationKind(letter.upper())))
    return Operations(extra)
