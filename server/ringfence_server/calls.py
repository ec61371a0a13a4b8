"""The one door: every `tools/call` is read strictly, run, asked about, and answered here.

A refusal is an answer that the model can act on; a protocol error is for the host. Whatever is
neither is a bug of ours: the log has its traceback under an id, and the caller sees the id and one
sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import anyio
from mcp.server.mcpserver import Context
from mcp_types import CallToolResult, InputRequiredResult, TextContent

from ringfence.errors import RingfenceError
from ringfence_server.consent import Matter, intent_in
from ringfence_server.dialog import has_forms
from ringfence_server.installation import Installation
from ringfence_server.intent_stories import Intents, ended_since_asked
from ringfence_server.progress import Progress
from ringfence_server.protocol_errors import logged
from ringfence_tools.operation import AnyOperation, Call, Channel, Result, Surface
from ringfence_tools.parsing import parse
from ringfence_tools.refusal import error_document, read_error

Answer = CallToolResult | InputRequiredResult


@dataclass(frozen=True)
class Calls:
    """What all calls of one server have in common."""

    operations: Mapping[str, AnyOperation]
    """The listed ones by name: no other can be called, and no answer names another."""
    principal: Callable[[], str]
    intents: Intents

    async def answer(
        self, name: str, arguments: dict[str, Any], context: Context[Installation, Any]
    ) -> Answer:
        """Answer one call of a listed tool: a result, a refusal, or a question to a person."""
        operation, progress = self.operations[name], Progress(context.report_progress)
        if operation.follow is None:  # it waits for nobody: its own steps are signs of life enough
            return await self._answer(operation, arguments, context, progress)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(progress.show_life)
            answer = await self._answer(operation, arguments, context, progress)
            tasks.cancel_scope.cancel()
        return answer

    async def _answer(
        self,
        operation: AnyOperation,
        raw: dict[str, Any],
        context: Context[Installation, Any],
        progress: Progress,
    ) -> Answer:
        try:
            return await self._run(operation, raw, context, progress)
        except RingfenceError as error:
            return self._refused(error)
        except Exception as error:
            return self._refused(logged(operation.name, error))

    async def _run(
        self,
        operation: AnyOperation,
        raw: dict[str, Any],
        context: Context[Installation, Any],
        progress: Progress,
    ) -> Answer:
        arguments = parse(operation, raw)
        opened = await context.request_context.lifespan_context.opened()
        call = Call(opened.desk, self.principal(), self.surface(context), progress.step)
        result = await self._first(operation, arguments, call, context)
        if operation.follow and (intent_id := _intent_id(result)):
            matter = Matter(
                operation, arguments, call, context, self.intents, opened.approve_at, intent_id
            )
            seen = await matter.see_through(result)
            if isinstance(seen, InputRequiredResult):
                return seen
            result = seen
        return CallToolResult(
            content=[TextContent(type="text", text=operation.read(result))],
            structured_content=result.as_document(),
        )

    async def _first(
        self,
        operation: AnyOperation,
        arguments: Any,
        call: Call,
        context: Context[Installation, Any],
    ) -> Result:
        """The tool's own result, or in a second round what became of what the first one asked about."""
        result: Result
        if operation.follow and (answers := context.input_responses):
            ended = await ended_since_asked(self.intents, call.desk, call.principal, answers)
            if ended is not None:
                result = await operation.follow(call, arguments, ended)
                return result
        result = await operation.run(call, arguments)
        return result

    def surface(self, context: Context[Installation, Any]) -> Surface:
        """What the caller sees before anybody is awaited; a page is looked for only then."""
        channels: list[Channel] = ["client", "terminal"] if has_forms(context) else ["terminal"]
        return Surface(frozenset(self.operations), channels)

    def _refused(self, error: RingfenceError) -> CallToolResult:
        document = error_document(error, frozenset(self.operations))
        return CallToolResult(
            is_error=True,
            content=[TextContent(type="text", text=read_error(document))],
            structured_content=document,
        )


def _intent_id(result: Result) -> str | None:
    """The intent that a result is, or holds."""
    found: str | None = getattr(intent_in(result), "intent_id", None)
    return found
