"""The mechanisms that a simulation may use, read from .mod files when first asked for."""

from __future__ import annotations

from distnet.errors import InputError
from distnet.settings import Settings
from kernels.mechanism import Mechanism
from kernels.nmodl import find, load


class Catalogue:
    """Mechanisms by name: the built-in ones and those of the user's folders."""

    def __init__(self, settings: Settings):
        for folder in settings.mechanism_folders:
            if not folder.is_dir():
                raise InputError(folder, "there is no such folder of mechanisms")
        self.files = find([str(folder) for folder in settings.mechanism_folders])
        self.settings = settings
        self._loaded: dict[str, Mechanism] = {}

    def __getitem__(self, name: str) -> Mechanism:
        """The mechanism of this name.

        Raises:
            InputError: no .mod file defines it.
            NmodlError: its .mod file is wrong.
        """
        if name not in self._loaded:
            if name not in self.files:
                known = ", ".join(sorted(self.files))
                raise InputError(
                    f'mechanism "{name}"', f"no .mod file defines it; known are {known}"
                )
            exact = self.settings.is_exact(name)
            self._loaded[name] = load(self.files[name], tables=not exact)
        return self._loaded[name]

    def globals(self) -> dict[tuple[str, str], float]:
        """The settings' GLOBAL variables, (mechanism, variable) -> value.

        Raises:
            InputError: a mechanism has no GLOBAL variable of that name.
        """
        for name, variable in self.settings.globals:
            allowed = self[name].globals
            if variable not in allowed:
                known = ", ".join(sorted(allowed)) or "none"
                raise InputError(name, f'there is no GLOBAL "{variable}"; allowed are {known}')
        return dict(self.settings.globals)
