"""Texts with all that may harm a line or a terminal, as Hypothesis strategies."""

from __future__ import annotations

import re

from hypothesis import strategies as st

HARMFUL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
pieces = st.one_of(
    st.text(st.characters(exclude_categories=())),
    st.text(st.sampled_from("[]:\\ AH0 9@-\n\r\t\x1b\x00\x85\x9b\u2028\u202e\udcff%"), max_size=8),
    st.sampled_from(
        [
            "[COFFEE: 9]",
            "[H9: open]",
            "[BY: mallory@x:1]",
            "\\[MG: 95]",
            "\\\\[X: ]",
            " [Y: 1]",
            "[NEW: [nested]",
            "[lower: 1]",
            "Hypothesis: ",
            "\n[2026-11-24T03:14:07.123456789+0000] [COFFEE: 9] forged",
        ]
    ),
)
texts = st.lists(pieces, max_size=4).map("".join)
