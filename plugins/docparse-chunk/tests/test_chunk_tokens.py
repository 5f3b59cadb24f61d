# ruff: noqa: RUF001 - texts in other scripts are the point
import pytest

from docparse_chunk._tokens import ApproximateCounter, cost_of
from docparse_chunk._units import Unit

FREE_AND_EQUAL = {
    "english": "All human beings are born free and equal in dignity and rights. They are endowed with reason and"
    " conscience and should act towards one another in a spirit of brotherhood.",
    "german": "Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit Vernunft und Gewissen"
    " begabt und sollen einander im Geist der Brüderlichkeit begegnen.",
    "french": "Tous les êtres humains naissent libres et égaux en dignité et en droits. Ils sont doués de raison et de"
    " conscience et doivent agir les uns envers les autres dans un esprit de fraternité.",
    "italian": "Tutti gli esseri umani nascono liberi ed eguali in dignità e diritti. Essi sono dotati di ragione e di"
    " coscienza e devono agire gli uni verso gli altri in spirito di fratellanza.",
    "polish": "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw. Są oni obdarzeni rozumem"
    " i sumieniem i powinni postępować wobec innych w duchu braterstwa.",
    "russian": "Все люди рождаются свободными и равными в своем достоинстве и правах. Они наделены разумом и совестью и"
    " должны поступать в отношении друг друга в духе братства.",
    "chinese": "人人生而自由，在尊严和权利上一律平等。他们赋有理性和良心，并应以兄弟关系的精神相对待。",
    "arabic": "يولد جميع الناس أحرارا متساوين في الكرامة والحقوق. وقد وهبوا عقلا وضميرا",
    "korean": "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.",
    "code": "def f(value, *, other=None):\n    return {key: value[key] for key in other.keys() if key != 'x'}",
    "numbers": "2305.03393 0.965 0.934 (12,345.67) 2024-05-31T12:00:00Z https://example.org/a?b=c&d=12",
    "latin": "Lorem ipsum dolor sit amet, consetetur sadipscing elitr, sed diam nonumy eirmod tempor.",
}


@pytest.mark.parametrize("language", FREE_AND_EQUAL)
def test_the_approximation_does_not_count_too_little(minilm, language):
    text = FREE_AND_EQUAL[language]

    approximate, real = ApproximateCounter().count([text])[0], minilm.count([text])[0]

    assert real <= approximate <= 2.2 * real


def test_the_approximation_names_itself_and_takes_the_default_models_limit(minilm):
    counter = ApproximateCounter()

    assert counter.name == "approximate"
    assert (counter.limit, counter.specials) == (minilm.limit, minilm.specials)
    assert counter.count(["", "  \n"]) == [0, 0]


def test_truncation_and_padding_in_the_file_are_undone(minilm):
    assert minilm.count(["duck " * 500, "duck"]) == [500, 1]


def test_many_texts_are_counted_in_order(minilm):
    assert minilm.count(["duck " * (number % 7) for number in range(3000)]) == [number % 7 for number in range(3000)]


def test_special_tokens_are_counted_apart(minilm, bpe):
    assert (minilm.limit, minilm.specials) == (256, 2)
    assert (bpe.limit, bpe.specials) == (96, 2)


def test_an_endless_word_costs_more_than_its_one_unknown_token(minilm):
    unit = Unit(text="x" * 1600, before="", kind="text", start=0, end=1600, sources=())

    assert minilm.count([unit.text]) == [1]
    assert cost_of(minilm, [unit]) == [100]
