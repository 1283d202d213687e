"""Recipes are data: they load, round-trip and refuse what does not exist."""

import dataclasses

import pytest

from dsol.config import LEAST, RECIPES, SECTIONS, Config, check, descriptions, flat, load_recipe, recipe_values
from dsol.errors import DsolError


@pytest.mark.parametrize("recipe", sorted(path.stem for path in RECIPES.glob("*.yaml")))
def test_shipped_recipes_load_and_round_trip(recipe):
    config = load_recipe(recipe)
    assert Config.from_dict(config.to_dict()) == config
    assert config.recipe == recipe


def test_the_recipe_paper_holds_the_constants_of_the_paper():
    config = load_recipe("paper")
    one, two = config.stage_one, config.stage_two
    encoders, clustering = config.encoders, config.clustering
    assert (encoders.vision, encoders.sound, encoders.size, encoders.embedding) == ("resnet18", "resnet18", 224, 128)
    assert (one.epochs, one.batch, one.learning_rate, one.classify_from, one.classify_passes) == (15, 32, 1e-4, 2, 3)
    assert (clustering.mask_threshold, clustering.mask_relative, clustering.clusters) == (0.05, False, 11)
    assert (two.epochs, two.localization_weight, two.product, two.similarity) == (5, 0.5, True, "inner")


def test_the_recipe_paper_states_all_that_makes_it_the_papers():
    """Its file is the method: what it does not name is where it runs, or acts with other options only."""
    named = set(flat(recipe_values("paper")))
    assert {"clustering.clusters", "stage_two.localization_weight", "stage_two.matching", "inference.decoder"} <= named
    plain = load_recipe("paper").replace(encoders={"vision": "efficientnet_lite0", "vision_weights": "imagenet"})
    assert plain == Config()


def test_the_recipe_paper_audioset_is_what_was_released_and_otherwise_the_paper_s():
    changed = {
        "encoders.correspondence": "dot", "stage_one.batch": 256, "clustering.clusters": 13, "stage_two.batch": 256,
        "stage_two.localization_weight": 0.0, "stage_two.product": False, "stage_two.matching": "audioset",
        "inference.decoder": "sigmoid", "recipe": "paper_audioset",
    }  # fmt: skip
    paper, released = (flat(load_recipe(name).to_dict()) for name in ("paper", "paper_audioset"))
    assert {name: value for name, value in released.items() if paper[name] != value} == changed


def test_a_file_overrides_and_the_caller_overrides_the_file(tmp_path):
    (tmp_path / "mine.yaml").write_text("seed: 4\nstage_one: {epochs: 7}\n")
    config = load_recipe(str(tmp_path / "mine.yaml"), stage_one={"batch": 8})
    assert (config.seed, config.stage_one.epochs, config.stage_one.batch) == (4, 7, 8)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("stage_one: {epoch: 3}", "unknown option 'epoch'"),
        ("- 1", "is not a set of options"),
        ("a: [", "is not YAML"),
        ("stage_one: {batch: 1}", r"stage_one\.batch cannot be 1 .choose 2 or more"),
        ("stage_one: {epochs: -1}", r"epochs cannot be -1 .choose 0 or more"),
        ("stage_one: {learning_rate: 1e-3}", "learning_rate cannot be '1e-3' .choose a number, 1.0e-3 not 1e-3"),
        ("stage_one: {learning_rate: .nan}", "learning_rate cannot be nan"),
        ("stage_one: {augment: 1}", "augment cannot be 1 .choose true or false"),
        ("stage_one: {vary: 1}", r"has the option stage_one\.vary of version 1 .write --stage_one\.augment"),
        ("nets: {size: 64}", r"has the option nets\.size of version 1 .write --encoders\.size"),
        ("inference: {map_threshold: wide}", "map_threshold cannot be 'wide' .choose a number, .* or null"),
        ("stage_two: {matching: [min]}", r"matching cannot be \['min'\] .choose printed, released"),
        ("encoders: {size: true}", "size cannot be True .choose a whole number"),
    ],
)
def test_a_wrong_recipe_is_named(tmp_path, text, complaint):
    (tmp_path / "wrong.yaml").write_text(text)
    with pytest.raises(DsolError, match=complaint):
        load_recipe(str(tmp_path / "wrong.yaml"))


def test_an_unknown_recipe_lists_the_known_ones():
    with pytest.raises(DsolError, match=r"is no recipe .give one of .*paper, paper_audioset, quick, .*tiny"):
        load_recipe("papr")


def test_what_has_a_least_value_is_an_option():
    options = Config().to_dict()
    for name in LEAST:
        section, _, option = name.rpartition(".")
        assert option in (options[section] if section else options)


@pytest.mark.parametrize("kind", [*SECTIONS.values(), Config])
def test_every_option_is_documented_in_a_sentence(kind):
    told = descriptions(kind)
    assert set(told) == {f.name for f in dataclasses.fields(kind)}
    assert all(text.endswith(".") for text in told.values())


def test_there_are_few_options():
    assert len(flat(Config().to_dict())) < 80


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"encoders": {"correspondence": "dot"}, "stage_one": {"negatives": "all"}},
            "dot has no cosines for negatives all",
        ),
        ({"stage_two": {"matching": "audioset"}}, r"audioset takes class maps alone .add --stage_two.product false"),
    ],
)
def test_options_of_the_released_audioset_variant_go_together(changes, says):
    with pytest.raises(DsolError, match=says):
        check(Config().replace(**changes))
    check(load_recipe("paper_audioset"))
