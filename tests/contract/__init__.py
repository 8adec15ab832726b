"""Suites that hold for every implementation of a seam."""

import pytest

pytest.register_assert_rewrite("tests.contract.provider_contract")
