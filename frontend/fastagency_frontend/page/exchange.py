"""What the page's server and its modules in the browser say to each other, rows apart: lines, pages and properties.

`static/wire.d.ts` is generated from these classes and from `row.py`.
"""

from __future__ import annotations

from typing import Literal, NotRequired, TypeAlias, TypedDict

from pydantic import BaseModel

from fastagency_frontend.page.row import Row
from fastagency_frontend.page.view import ConversationView, Phase

Theme: TypeAlias = Literal["system", "light", "dark"]


class RunLine(TypedDict):
    """Where a run is. `revision` changes with everything that Mesop shows of it."""

    phase: Phase
    revision: str


class StreamLine(TypedDict):
    """The whole text so far of a message under way."""

    id: str
    sender: str | None
    html: str


class HistoryPage(TypedDict):
    """A page of rows; `first` and `last` are the cursors before and after it, `more` tells whether older ones exist.

    `epoch` is that of the cursors, left out where it is 0.
    """

    rows: list[Row]
    first: int
    last: int
    epoch: NotRequired[int]
    more: bool
    run: RunLine


class NewsLine(TypedDict):
    """Rows that are new; `last` is the cursor after them."""

    rows: list[Row]
    last: int
    run: RunLine


class StreamedLine(TypedDict):
    stream: StreamLine


class RunStateLine(TypedDict):
    """The run's phase or title changed without a row."""

    run: RunLine


class BeatLine(TypedDict):
    """A sign of life, for the silence would look like a lost connection."""

    beat: Literal[1]


class BeatWithRunLine(BeatLine):
    run: RunLine


class NextLine(TypedDict):
    """The last line of a response: when to come back, in milliseconds; null when nothing more will come."""

    next: int | None


class Trouble(TypedDict):
    """A sentence about a backend that is away for now."""

    trouble: str


class SignedOutLine(TypedDict):
    """The session has ended."""

    signed_out: Literal[1]


class Gone(TypedDict):
    """A sentence about a conversation that cannot be read, now or later."""

    gone: str


class Anew(TypedDict):
    """What was read of a conversation is not true any more: read it again, and show it in the place of that."""

    anew: Literal[1]


Line: TypeAlias = (
    NewsLine
    | StreamedLine
    | RunStateLine
    | BeatLine
    | BeatWithRunLine
    | NextLine
    | Trouble
    | SignedOutLine
    | Gone
    | Anew
)
History: TypeAlias = HistoryPage | Trouble | Gone | Anew


class PulseState(TypedDict):
    """`changed`: the list of conversations is another one than what the browser shows.

    `person` tells people apart, and is left out where nobody signs in.
    """

    changed: bool
    person: NotRequired[str]


Pulse: TypeAlias = PulseState | Trouble


class SidebarProperties(BaseModel):
    """What Mesop sets on `<fa-sidebar>`, again at each render; so with the other `Properties` and their components.

    `known`: the conversations could be read, so that none means that there are none. `person` is who has signed in, as
    people call them; empty where nobody does.
    """

    heading: str
    conversations: list[ConversationView]
    known: bool
    current: str
    theme: str
    person: str
    can_sign_out: bool


class PulseProperties(BaseModel):
    """`acknowledged` grows with every event that the server has dealt with; `person` tells people apart."""

    fingerprint: str
    person: str
    trouble: str
    acknowledged: int


class TranscriptProperties(BaseModel):
    """`revision` is the one that Mesop shows, `accepted` the question whose answer the server took last."""

    conversation: str
    revision: str
    accepted: str
    acknowledged: int


class ComposerProperties(BaseModel):
    question: str
    conversation: str
    label: str
    password: bool
    refusal: str
    accepted: str
    acknowledged: int


class ChosenConversation(TypedDict):
    id: str


class RenamedConversation(TypedDict):
    id: str
    title: str


class ChosenTheme(TypedDict):
    theme: Theme


class TextAnswer(TypedDict):
    """What a person wrote in answer to `question`."""

    question: str
    text: str


class Nothing(TypedDict):
    """An event that says all by happening."""


class Outdated(TypedDict):
    """What is shown is not true any more; the server reads all of it again. `revision` is the one that is true."""

    revision: NotRequired[str]


class SidebarEvents(TypedDict):
    """What `<fa-sidebar>` tells Mesop, by event; so with the other `Events` and their components."""

    opened: ChosenConversation
    created: Nothing
    renamed: RenamedConversation
    deleted: ChosenConversation
    themed: ChosenTheme
    closed: Nothing


class PulseEvents(TypedDict):
    changed: Outdated


class TranscriptEvents(TypedDict):
    changed: Outdated


class ComposerEvents(TypedDict):
    answered: TextAnswer
