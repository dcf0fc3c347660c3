"""A function takes at most six parameters: what always travels together is a type with a name."""

from __future__ import annotations

import ast

from support.sources import PACKAGE, nodes_of, source_paths

LIMIT = 6  # without self and cls


def parameter_count(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    arguments = function.args
    names = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    bound = names[:1] in (["self"], ["cls"])
    return len(names) - bound + (arguments.vararg is not None) + (arguments.kwarg is not None)


def test_no_function_has_more_parameters_than_a_reader_keeps_in_mind() -> None:
    counts = {
        f"{path.relative_to(PACKAGE)}: {node.name}": parameter_count(node)
        for path in source_paths()
        for node in nodes_of(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name: count for name, count in counts.items() if count > LIMIT} == {}
