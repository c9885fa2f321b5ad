"""The page: complete, self-contained, escaped, and honest about what is not there."""

from html.parser import HTMLParser

import pytest

from metaagent_ros.evaluation import plots, report
from metaagent_ros.evaluation.rows import Cost, Evaluation, Outcome, Training
from metaagent_ros.evaluation.summary import summarise

NASTY = "<script>alert('$x_1$ & \"y\"')</script>"
VOID = {"meta", "img", "br", "hr", "link", "input"}


class Page(HTMLParser):
    """Tags, and whether they close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag


def evaluation(arms=("finetune", "reptile"), seeds=2, tasks=3, trials=(0, 5, 10), inertness=None):
    outcomes, costs = [], []
    for number, arm in enumerate(arms):
        for seed in range(seeds):
            for task in range(tasks):
                skill = ("grasp", "push")[task % 2]
                for n in trials:
                    wins = min(2, (n + 5 * number * task) // 5)
                    outcomes += [
                        Outcome(arm, "panda", "test", skill, task, seed, n, e, e < wins, -5.0 + wins, 40)
                        for e in range(2)
                    ]
                    costs.append(Cost(arm, task, seed, n, 100 * n, 10 * n, 1.0 * n))
    training = [Training(arm, seed, 5000, 500, 60.0) for arm in arms for seed in range(seeds)]
    settings = {"command": "metaagent evaluate --suite panda", "robot": "panda", "seeds": list(range(seeds))}
    return Evaluation(settings, tuple(outcomes), tuple(costs), tuple(training), inertness or {})


def pictures(page: Page) -> int:
    sources = [attributes["src"] or "" for tag, attributes in page.tags if tag == "img"]
    assert all(source.startswith("data:image/svg+xml;base64,") for source in sources)
    return len(sources)


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    """A page whose second arm, command and note are an attack."""
    rows = evaluation(("finetune", NASTY), inertness={"0": 0.987})
    rows.settings["command"] = rows.settings["note"] = NASTY
    path = tmp_path_factory.mktemp("page") / "deep" / "report.html"
    report.write(path, summarise(rows))
    return path.read_text()


def test_a_whole_evaluation_has_every_part_and_loads_nothing(text):
    page = Page(text)
    assert page.stack == [] and pictures(page) == 7
    for said in ("0.987", "Where it does not help", "break-even", "5,000", "robot"):
        assert said in text
    outside = [v for _, a in page.tags for k, v in a.items() if k in ("src", "href") and v[:5] != "data:"]
    assert outside == [] and "http" not in text.replace("http-equiv", "")


def test_names_and_settings_are_escaped(text):
    assert "<script" not in text and text.count("&lt;script&gt;") >= 5


@pytest.mark.parametrize(
    ("arms", "seeds", "tasks", "trials"),
    [(("reptile",), 1, 1, (0,)), (("finetune",), 1, 1, (0, 1)), (("reptile", "scratch"), 2, 2, (0, 20))],
)
def test_it_says_what_is_missing(arms, seeds, tasks, trials):
    rows = evaluation(arms, seeds, tasks, trials)
    text = report.render(summarise(Evaluation({}, rows.outcomes, (), (), {})))
    assert Page(text).stack == []
    assert ("The baseline finetune was not evaluated" in text) == ("finetune" not in arms)
    assert ("One seed only" in text) == (seeds == 1)
    for said in ("Nothing to compare", "was not measured", "The command was not recorded"):
        assert said in text


def test_the_same_summary_gives_the_same_picture():
    made = summarise(evaluation(("finetune",), 1, 1))
    assert plots.pictures(made) == plots.pictures(made)
