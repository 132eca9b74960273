"""The bars of `progress=True`, drawn by tqdm."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def import_tqdm() -> Any:
    try:
        from tqdm.auto import tqdm  # type: ignore[import-untyped]
    except ImportError as error:
        raise ImportError("progress=True shows a bar by tqdm: install it, or leave progress out") from error
    return tqdm


class Bar:
    """A bar that is told how far things are; nothing without `progress`."""

    def __init__(self, progress: bool, *, total: int, unit: str) -> None:
        self._bar = import_tqdm()(total=total, unit=unit, unit_scale=True) if progress else None

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._bar is not None:
            if kind is None:
                self.show(self._bar.total)
            self._bar.close()

    def show(self, done: int) -> None:
        if self._bar is not None:
            self._bar.update(done - self._bar.n)
