"""A missing optional package is one sentence that says what to install; a defect of our own is not hidden by it."""

import importlib

import pytest
from fastagency_shared.extras import extra


def test_a_missing_package_names_its_extra() -> None:
    with (
        pytest.raises(ImportError, match=r'^MesopUI needs the "mesop" extra: pip install "fastagency\[mesop\]>=1"$'),
        extra("mesop", needed_by="MesopUI"),
    ):
        importlib.import_module("package_that_is_not_there")


def test_a_missing_module_of_our_own_stays_what_it_is() -> None:
    with pytest.raises(ModuleNotFoundError, match="fastagency_frontend"), extra("mesop", needed_by="MesopUI"):
        importlib.import_module("fastagency_frontend.not_there")


def test_what_is_there_is_imported() -> None:
    with extra("mesop", needed_by="MesopUI"):
        assert importlib.import_module("fastagency_shared.errors")
