"""Make small changes to the syntax tree of a module."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

# The messages that the deployment's log metrics count; other log lines are not behaviour.
COUNTED: Final = frozenset({"track ended", "track parked", "settled"})

_FLIPPED: Final[dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_CONDITIONAL: Final = (ast.If, ast.IfExp, ast.While)
_DECIDED: Final = (ast.Compare, ast.BoolOp, ast.UnaryOp, ast.Constant)
_WRITES: Final = frozenset({"replace", "Change", "TrackUpdate", "PrivateTrack"})


@dataclass(frozen=True)
class Mutation:
    """One change: in ``parent``'s field ``name``, at ``place`` if that is a list, ``node`` replaces what is there."""

    line: int
    function: str
    parent: ast.AST
    name: str
    place: int | None
    node: ast.AST

    def apply(self) -> None:
        """Change the tree."""
        if self.place is None:
            setattr(self.parent, self.name, self.node)
        else:
            getattr(self.parent, self.name)[self.place] = self.node

    def __str__(self) -> str:
        found = getattr(self.parent, self.name)
        before = found if self.place is None else found[self.place]
        return f"{self.function}: {ast.unparse(before)} -> {ast.unparse(self.node)}"


def mutations(parent: ast.AST, function: str = "", *, inside: bool = False) -> Iterator[Mutation]:
    """Return every change of a tree; ``inside`` a function also of its numbers."""
    for name, value in ast.iter_fields(parent):
        if name in {"annotation", "returns", "decorator_list"}:
            continue
        for place, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(node, ast.AST):
                continue
            for other in _others(node, inside=inside):
                yield Mutation(getattr(node, "lineno", 0), function, parent, name, place, other)
            if isinstance(node, ast.expr) and not isinstance(node, _DECIDED) and _is_condition(parent, name):
                yield Mutation(node.lineno, function, parent, name, place, ast.UnaryOp(ast.Not(), node))
            named = isinstance(node, ast.ClassDef | ast.FunctionDef)
            where = f"{function}.{node.name}".lstrip(".") if named else function
            yield from mutations(node, where, inside=inside or isinstance(node, ast.FunctionDef))


def _is_condition(parent: ast.AST, name: str) -> bool:
    return (isinstance(parent, _CONDITIONAL) and name == "test") or (
        isinstance(parent, ast.comprehension) and name == "ifs"
    )


def _others(node: ast.AST, *, inside: bool) -> Iterator[ast.AST]:
    match node:
        case ast.Compare():
            for place, op in enumerate(node.ops):
                for flipped in _FLIPPED[type(op)]:
                    ops = [*node.ops[:place], flipped(), *node.ops[place + 1 :]]
                    yield ast.Compare(node.left, ops, node.comparators)
        case ast.BoolOp():
            yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
            for place in range(len(node.values)):
                rest = [value for at, value in enumerate(node.values) if at != place]
                yield ast.BoolOp(node.op, rest) if len(rest) > 1 else rest[0]
        case ast.UnaryOp(op=ast.Not()):
            yield node.operand
        case ast.BinOp(op=ast.Add() | ast.Sub()):
            yield ast.BinOp(node.left, ast.Sub() if isinstance(node.op, ast.Add) else ast.Add(), node.right)
        case ast.AugAssign(op=ast.Add() | ast.Sub()):
            yield ast.AugAssign(node.target, ast.Sub() if isinstance(node.op, ast.Add) else ast.Add(), node.value)
        case ast.Constant(value=bool()):
            yield ast.Constant(not node.value)
        case ast.Constant(value=int()) if inside:
            yield ast.Constant(node.value + 1)
        case ast.Return(value=ast.expr()) if not isinstance(node.value, ast.Constant):
            yield ast.Return(ast.Constant(None))
        case ast.Raise() | ast.Continue() | ast.Return(value=None):
            yield ast.Pass()
        case ast.Expr(value=ast.Call()) if not _is_log_line(node.value):
            yield ast.Pass()
        case ast.Call(func=ast.Name(id=name)) if name in _WRITES:
            for place in range(len(node.keywords)):
                yield ast.Call(node.func, node.args, [*node.keywords[:place], *node.keywords[place + 1 :]])


def _is_log_line(call: ast.Call) -> bool:
    return ast.unparse(call.func).startswith("logs.") and ast.unparse(call.args[0]).strip("'") not in COUNTED
