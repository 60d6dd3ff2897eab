"""The server that most tests of the service call."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from tests.service.world import World, a_world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable
    from pathlib import Path


class OpensWorld(Protocol):
    """Starts a server of its own."""

    def __call__(self, **choices: Any) -> Awaitable[World]: ...


@pytest.fixture
async def open_world(tmp_path: Path) -> AsyncIterator[OpensWorld]:
    """Starts servers that are not like the others, and stops them after the test."""
    async with AsyncExitStack() as stack:

        async def open_one(**choices: Any) -> World:
            return await stack.enter_async_context(a_world(tmp_path, **choices))

        yield open_one


@pytest.fixture
async def world(open_world: OpensWorld) -> World:
    """A server with cheap PINs and the numbers of the domain for all else."""
    return await open_world()
