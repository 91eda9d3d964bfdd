"""What a language model may do besides talking: search the web, run a program. Each only when its key is set."""

from llm.tools.calling import aclose, call
from llm.tools.errors import ToolError
from llm.tools.framing import DATA_RULE
from llm.tools.offering import tools_for
from llm.tools.rounds import answer_with_tools
from llm.tools.tool import Tool

__all__ = ["DATA_RULE", "Tool", "ToolError", "aclose", "answer_with_tools", "call", "tools_for"]
