"""Reads a JSON array of texts; prints what ast.literal_eval makes of each, null where it refuses."""
import ast
import json
import sys
import warnings

warnings.simplefilter("ignore")


def plain(value):
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, bytes):
        return {"bytes": list(value)}
    if isinstance(value, int):
        return {"int": str(value)}
    if isinstance(value, float):
        return {"float": repr(value)}
    if isinstance(value, dict):
        return {"dict": len(value)}
    if isinstance(value, set):
        return {"set": len(value)}
    return {type(value).__name__: [plain(item) for item in value]}


def evaluate(text):
    try:
        return plain(ast.literal_eval(text))
    except (ValueError, SyntaxError, TypeError):
        return None


print(json.dumps([evaluate(text) for text in json.load(sys.stdin)]))
