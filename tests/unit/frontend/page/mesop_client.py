"""Drives the page without a browser: speaks Mesop's protocol through werkzeug's test client.

It does what Mesop's own script does: sends events with the state it was given, and applies the differences that come
back to the tree of components it keeps.
"""

from __future__ import annotations

import base64
import importlib
import json
from collections.abc import Iterator
from typing import Any

import mesop.protos.ui_pb2 as pb
from werkzeug.test import Client

ORIGIN = "http://localhost"
_REPLACE = pb.ComponentDiff.UPDATE_STRATEGY_REPLACE
_SAME_MODULE = {"content_button": "button", "content_checkbox": "checkbox"}


class MesopClient:
    """One tab of one visitor."""

    def __init__(self, app: Any, *, conversation: str = "", http: Client | None = None) -> None:
        self.http = http or Client(app)
        self.query = {"conversation": conversation} if conversation else {}
        self.root: Any = None
        self.title = ""
        self._token = ""
        self._states: Any = None
        self.http.get("/")
        self._open()

    @property
    def texts(self) -> list[str]:
        """Every text that is shown, in order."""
        names = ("text", "button", "checkbox")
        found = [self._decode(node) for node in self._nodes(self.root) if node.type.name.fn_name in names]
        return [text for each in found if (text := getattr(each, "text", "") or getattr(each, "label", ""))]

    @property
    def keys(self) -> list[str]:
        return [node.key.key for node in self._nodes(self.root) if node.key.key]

    def key(self, beginning: str) -> str:
        """The only key that begins so."""
        (found,) = [key for key in self.keys if key.startswith(beginning)]
        return found

    def properties(self, key: str) -> dict[str, Any]:
        """What a web component was given."""
        return dict(json.loads(self._decode(self._node(key)).properties_json))

    def click(self, key: str) -> None:
        self._event(self._decode(self._node(key)).on_click_handler_id, key, lambda event: event.click.SetInParent())

    def check(self, key: str, *, checked: bool = True) -> None:
        handler = self._decode(self._node(key)).on_checkbox_change_event_handler_id
        self._event(handler, key, lambda event: setattr(event, "bool_value", checked))

    def choose(self, key: str, value: str) -> None:
        handler = self._decode(self._node(key)).on_radio_change_event_handler_id
        self._event(handler, key, lambda event: setattr(event, "string_value", value))

    def tell(self, key: str, event_name: str, value: dict[str, Any]) -> None:
        """Send the event of a web component."""
        handler = json.loads(self._decode(self._node(key)).events_json)[event_name]
        self._event(handler, key, lambda event: setattr(event, "string_value", json.dumps(value)))

    def _open(self) -> None:
        request = pb.UiRequest(path="/")
        self._describe(request.init)
        self._send(request)

    def _event(self, handler: str, key: str, fill: Any) -> None:
        assert handler, f"{key} has no handler"
        request = pb.UiRequest(path="/")
        event = request.user_event
        self._describe(event)
        event.handler_id, event.key.key = handler, key
        if self._states is not None:
            event.states.CopyFrom(self._states)
        event.state_token = self._token
        fill(event)
        self._send(request)

    def _describe(self, part: Any) -> None:
        part.viewport_size.width, part.viewport_size.height = 1280, 800
        part.theme_settings.theme_mode = pb.ThemeMode.THEME_MODE_LIGHT
        for key, value in self.query.items():
            part.query_params.append(pb.QueryParam(key=key, values=[value]))

    def _send(self, request: Any) -> None:
        answer = self.http.post(
            "/__ui__",
            data=base64.urlsafe_b64encode(request.SerializeToString()),
            headers={"Origin": ORIGIN, "Content-Type": "text/plain"},
        )
        assert answer.status_code == 200, answer.get_data(as_text=True)
        for block in answer.get_data(as_text=True).split("\n\n"):
            if block.startswith("data: ") and "<stream_end>" not in block:
                response = pb.UiResponse()
                response.ParseFromString(base64.b64decode(block[6:]))
                self._take(response)

    def _take(self, response: Any) -> None:
        assert not response.HasField("error"), response.error.exception
        if response.HasField("render"):
            self._render(response.render)
        if response.HasField("update_state_event"):
            update = response.update_state_event
            self._token = update.state_token or self._token
            if update.HasField("full_states"):
                self._states = update.full_states
            elif update.HasField("diff_states"):
                _apply_state(self._states, update.diff_states)

    def _render(self, render: Any) -> None:
        if render.HasField("component_diff"):
            _apply_tree(self.root, render.component_diff)
        else:
            self.root = render.root_component
        for command in render.commands:
            if command.HasField("navigate"):
                self.query = {param.key: param.values[0] for param in command.navigate.query_params}
            if command.HasField("set_page_title"):
                self.title = command.set_page_title.title

    def _node(self, key: str) -> Any:
        return next(node for node in self._nodes(self.root) if node.key.key == key)

    def _nodes(self, node: Any) -> Iterator[Any]:
        yield node
        for child in node.children:
            yield from self._nodes(child)

    def _decode(self, node: Any) -> Any:
        name = node.type.name.fn_name
        if name.startswith("<web>"):
            message = pb.WebComponentType()
        else:
            module = _SAME_MODULE.get(name, name)
            made = importlib.import_module(f"mesop.components.{module}.{module}_pb2")
            message = getattr(made, "".join(part.title() for part in module.split("_")) + "Type")()
        message.ParseFromString(node.type.value)
        return message


def _apply_tree(component: Any, diff: Any) -> None:
    for name in ("key", "style", "type"):
        if getattr(diff, f"update_strategy_{name}") == _REPLACE:
            component.ClearField(name)
            if diff.HasField(name):
                getattr(component, name).CopyFrom(getattr(diff, name))
    deleted = []
    for child in diff.children:
        if child.diff_type == pb.ComponentDiff.DIFF_TYPE_UPDATE:
            _apply_tree(component.children[child.index], child)
        elif child.diff_type == pb.ComponentDiff.DIFF_TYPE_ADD:
            component.children.add().CopyFrom(child.component)
        elif child.diff_type == pb.ComponentDiff.DIFF_TYPE_DELETE:
            deleted.append(child.index)
    if deleted:
        del component.children[min(deleted) :]


def _apply_state(states: Any, diffs: Any) -> None:
    """Our state is flat, so that every difference is a new value of one field."""
    for state, diff in zip(states.states, diffs.states, strict=True):
        data = json.loads(state.data)
        for change in json.loads(diff.data):
            (field,) = change["path"]
            data[field] = change["value"]
        state.data = json.dumps(data)
