"""The user interfaces: `fastagency.ui.mesop` for a browser, `fastagency.ui.console` for a terminal."""
