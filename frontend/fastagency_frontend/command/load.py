"""Finding the application that `fastagency run` is to run: in a file, or in a module."""

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from fastagency_shared.errors import FastAgencyError

from fastagency_frontend.app import FastAgency

USUAL_FILES = ("main.py", "app.py", "api.py", "app/main.py", "app/app.py", "app/api.py")
"""Where an application usually is; the same places in which FastAPI's own command looks."""


class CannotLoad(FastAgencyError):
    """There is no application to run; `str(error)` says why and what to do."""


def default_target() -> str:
    """The file that is run when none is named.

    Raises:
        CannotLoad: none of the usual ones is there.
    """
    for name in USUAL_FILES:
        if Path(name).is_file():
            return name
    raise CannotLoad(
        f"Nothing to run: {Path.cwd()} has none of {', '.join(USUAL_FILES)}. Name a file: fastagency run FILE[:APP]"
    )


def load(target: str) -> FastAgency:
    """Import `FILE_OR_MODULE[:APP]` and return its application; without `APP`, the only one there is.

    Errors of the code that is imported are its own and come out as they are.

    Raises:
        CannotLoad: there is no such file, module or application.
    """
    place, name = _split(target)
    module = _from_file(Path(place)) if _is_file(place) else _from_module(place)
    return _named(module, name, place) if name else _only(module, place)


def _split(target: str) -> tuple[str, str]:
    """The colon of `C:\\apps\\main.py` separates nothing."""
    place, colon, name = target.rpartition(":")
    if colon and place and all(part.isidentifier() for part in name.split(".")):
        return place, name
    return target, ""


def _is_file(place: str) -> bool:
    return place.endswith(".py") or "/" in place or "\\" in place


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise CannotLoad(
            f"There is no file {path}. Name a Python file, such as main.py, or a module, such as app.main."
        )
    if (path.parent / "__init__.py").is_file():
        return _from_package(path.resolve())
    # As with `python main.py`: modules beside the file can be imported.
    sys.path.insert(0, str(path.parent.resolve()))
    # A file may be called as a module that is imported already, such as json.py: that one must stay.
    name = path.stem if path.stem not in sys.modules else f"fastagency_run_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise CannotLoad(f"{path} is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _from_package(path: Path) -> ModuleType:
    """A file of a package is imported as such, so that its relative imports work."""
    names, folder = [] if path.stem == "__init__" else [path.stem], path.parent
    while (folder / "__init__.py").is_file():
        names.insert(0, folder.name)
        folder = folder.parent
    sys.path.insert(0, str(folder))
    name = ".".join(names)
    module = importlib.import_module(name)
    if module.__file__ is None or not path.samefile(module.__file__):
        raise CannotLoad(f"{path} cannot be imported: Python knows another module {name!r}, {module.__file__}.")
    return module


def _from_module(name: str) -> ModuleType:
    if not all(part.isidentifier() for part in name.split(".")):
        raise CannotLoad(f"{name!r} is neither a Python file nor the name of a module. Try: fastagency run main.py")
    sys.path.insert(0, str(Path.cwd()))
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        hint = f" Did you mean {name}.py?" if Path(f"{name}.py").is_file() else ""
        raise CannotLoad(f"There is no module {name!r} here.{hint}") from None


def _named(module: ModuleType, name: str, place: str) -> FastAgency:
    found: object = module
    for part in name.split("."):
        if not hasattr(found, part):
            others = ", ".join(_applications(module)) or "none"
            raise CannotLoad(f"{place} has no {name!r}. The FastAgency applications in it: {others}.")
        found = getattr(found, part)
    if not isinstance(found, FastAgency):
        kind = type(found).__name__
        hint = " A FastAPI application is started with uvicorn." if kind == "FastAPI" else ""
        raise CannotLoad(
            f"{name!r} of {place} is not a FastAgency application but an object of the class {kind}.{hint}"
        )
    return found


def _only(module: ModuleType, place: str) -> FastAgency:
    applications = _applications(module)
    distinct = list({id(app): app for app in applications.values()}.values())
    if not distinct:
        raise CannotLoad(f"{place} has no FastAgency application. Add one: app = FastAgency(provider=..., ui=...)")
    if len(distinct) > 1:
        choices = " or ".join(f"{place}:{name}" for name in applications)
        raise CannotLoad(f"{place} has several FastAgency applications. Say which one: {choices}.")
    return distinct[0]


def _applications(module: ModuleType) -> dict[str, FastAgency]:
    return {name: value for name, value in vars(module).items() if isinstance(value, FastAgency)}
