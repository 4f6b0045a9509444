"""A model ready to run on a device, in the shape of LiteRT's API."""

from weft.interpreter.engine import OpResolverType, load_delegate
from weft.interpreter.interpreter import Interpreter
from weft.interpreter.signature import SignatureRunner

__all__ = ["Interpreter", "OpResolverType", "SignatureRunner", "load_delegate"]
