"""The categories of `general`."""

import pytest

from dsol.errors import DsolError
from dsol.model.vocabulary import read_vocabulary, vocabulary

EVERYDAY = """Speech, Singing, Crying, Laughter, Clapping, Chewing, Dog, Cat, Horse, Cattle, Sheep, Goat, Pig, Chicken,
Duck, Bird, Lion, Frog, Insect, Accordion, Acoustic guitar, Electric guitar, Ukulele, Banjo, Cello, Double
bass, Violin, Erhu, Harp, Piano, Organ, Harpsichord, Flute, Clarinet, Saxophone, Trumpet, Trombone, Tuba,
French horn, Bagpipes, Drum kit, Drum, Hand drum, Xylophone, Cymbal, Gong, Bell, Orchestra, Car, Race car,
Truck, Bus, Motorcycle, Train, Airplane, Helicopter, Boat, Siren, Chainsaw, Lawn mower, Drill, Sewing machine,
Printer, Vacuum cleaner, Hair dryer, Typing, Hammer, Axe, Gun, Cannon, Fireworks, Explosion, Water, Rain,
Thunder, Waves, Fire, Toilet, Bowling, Skateboard, Tennis, Ball, Paper, Door, Tools, Impact, Crowd"""


def test_everyday_sounds_are_categories_of_their_own():
    names = [name.strip() for name in EVERYDAY.replace("\n", " ").split(",")]
    assert set(names) <= set(vocabulary().categories)
    assert len(vocabulary().categories) >= 100


def test_a_root_is_never_an_answer():
    words = vocabulary()
    roots = {words.root(name) for name in words.categories}
    assert {"Music", "Animal", "Vehicle"} <= roots
    assert not roots & set(words.categories)


def test_no_synonym_is_the_name_of_another_category():
    words = vocabulary()
    clashes = [(name, s) for name, entry in words.entries.items() for s in entry.synonyms if s in words.entries]
    assert not clashes


@pytest.mark.parametrize(
    ("answer", "label", "right"),
    [
        ("Violin", "Violin", True),
        ("Violin", "Fiddle", True),  # a synonym
        ("Chicken", "Bird", True),  # a child
        ("Bird", "Chicken", True),  # its parent
        ("Plucked string instrument", "Acoustic guitar", False),  # two levels up
        ("Animal", "Dog", False),  # a root
        ("Cello", "Violin", False),
        ("Cello", "something else", False),
    ],
)
def test_what_counts_as_a_right_name(answer, label, right):
    assert vocabulary().right(answer, label) is right


def test_a_broken_vocabulary_is_one_clear_error(tmp_path):
    file = tmp_path / "words.csv"
    file.write_text("category,parent,audible,visible,synonyms\nDog,Pet,Dog,151-268,\n")
    with pytest.raises(DsolError, match="parent 'Pet'"):
        read_vocabulary(file)
    file.write_text("category,parent,audible,visible,synonyms\nDog,,Dog,many,\n")
    with pytest.raises(DsolError, match="names no ImageNet classes"):
        read_vocabulary(file)
    with pytest.raises(DsolError, match="cannot be read"):
        read_vocabulary(tmp_path / "none.csv")


def test_ancestors_are_above_at_any_distance():
    names = ("Acoustic guitar", "Guitar", "Dog")
    above = vocabulary().ancestors(names)
    assert above[0].tolist() == [False, True, False]
    assert not above[1:].any()
