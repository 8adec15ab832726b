"""Names the demo workflows, in the order in which people see them."""

from __future__ import annotations

from fastagency_backend.demo.gallery import gallery
from fastagency_backend.demo.simple_learning import simple_learning
from fastagency_backend.demo.team_with_tool import team_with_tool
from fastagency_backend.workflow import Workflow

wf = Workflow()

wf.register(
    name="simple_learning",
    description="Learn something new: a student asks, a teacher explains, and you can join in at any turn.",
)(simple_learning)
wf.register(
    name="team_with_tool",
    description="Plan a loan: a team works out monthly payments with a real calculator and explains them.",
)(team_with_tool)
wf.register(
    name="gallery",
    description="See everything this chat can show: text, tables, forms, choices, function calls, errors and more.",
)(gallery)
