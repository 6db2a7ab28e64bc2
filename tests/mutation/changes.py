"""Make small changes to the syntax tree of a module."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

# The log lines that the deployment's metrics count; the others are not behaviour.
COUNTED: Final = frozenset({"'track ended'", "'track parked'", "'run stalls'", "'settled'"})

_WRITES: Final = frozenset({"replace", "Change", "TrackUpdate", "PrivateTrack"})
_LEFT = (ast.Lt, ast.Lt, ast.Gt, ast.Gt, ast.Eq, ast.Is, ast.In, ast.And, ast.Add)
_RIGHT = (ast.LtE, ast.GtE, ast.GtE, ast.LtE, ast.NotEq, ast.IsNot, ast.NotIn, ast.Or, ast.Sub)
_OPERATORS: Final = [*zip(_LEFT, _RIGHT, strict=True), *zip(_RIGHT, _LEFT, strict=True)]


@dataclass(frozen=True)
class Change:
    """A new value for one field of a node; ``text`` names the function, the old value and the new one."""

    line: int
    text: str
    node: ast.AST
    field: str
    value: Any

    def apply(self) -> None:
        """Change the tree."""
        setattr(self.node, self.field, self.value)


def changes(parent: Any, function: str = "", *, inside: bool = False) -> Iterator[Change]:
    """Yield every change of a tree; numbers change only ``inside`` a function, since outside they are settings."""
    for field, value in ast.iter_fields(parent):
        nodes = value if isinstance(value, list) else [value]
        for place, node in enumerate(nodes):
            if (
                not isinstance(node, ast.AST)
                or field in {"annotation", "returns", "decorator_list"}
                or _is_log_line(node)
            ):
                continue
            for other in (*_others(node, inside=inside), *_negated(field, node)):
                changed = [*nodes[:place], other, *nodes[place + 1 :]] if isinstance(value, list) else other
                shown = isinstance(node, ast.cmpop | ast.boolop | ast.operator | ast.Constant)
                before = ast.unparse(parent if shown else node)
                setattr(parent, field, changed)
                after = ast.unparse(parent if shown else other)
                setattr(parent, field, value)
                line = getattr(parent if shown else node, "lineno", 0)
                yield Change(line, f"{function}: {before} -> {after}", parent, field, changed)
            name = f".{node.name}" if isinstance(node, ast.ClassDef | ast.FunctionDef) else ""
            within = inside or isinstance(node, ast.FunctionDef)
            yield from changes(node, (function + name).lstrip("."), inside=within)


def _others(node: ast.AST, *, inside: bool) -> Iterator[ast.AST]:
    match node:
        case ast.cmpop() | ast.boolop() | ast.operator():
            yield from (other() for one, other in _OPERATORS if isinstance(node, one))
        case ast.BoolOp(op=op, values=values):
            for place in range(len(values)):
                rest = [*values[:place], *values[place + 1 :]]
                yield ast.BoolOp(op, rest) if len(rest) > 1 else rest[0]
        case ast.UnaryOp(op=ast.Not()):
            yield node.operand
        case ast.Constant(value=bool() as known):
            yield ast.Constant(not known)
        case ast.Constant(value=int() as number) if inside:
            yield ast.Constant(number + 1)
        case ast.Call(func=ast.Name(id=name), keywords=named) if name in _WRITES:
            for place in range(len(named)):
                yield ast.Call(node.func, node.args, [*named[:place], *named[place + 1 :]])
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield ast.Return(ast.Constant(None))
        case ast.Raise() | ast.Continue() | ast.Return(value=None):
            yield ast.Pass()
        case ast.Expr(value=ast.Call()):
            yield ast.Pass()


def _is_log_line(node: ast.AST) -> bool:
    match node:
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="logs")), args=args)):
            return ast.unparse(args[0]) not in COUNTED
    return False


def _negated(field: str, node: ast.AST) -> Iterator[ast.AST]:
    # Comparisons, boolean operators and `not` have changes of their own.
    if field in {"test", "ifs"} and isinstance(node, ast.Name | ast.Attribute | ast.Call):
        yield ast.UnaryOp(ast.Not(), node)
