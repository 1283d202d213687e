"""`general` from picture and sound to its prediction (see general.py): the one way for torch and for an export.

    pictures (P, 3, S, S) ─ both views ─▶ cells, classes, people ─▶ visible, shapes ┐
                                                                                  ├▶ area, maps, score, heard, seen
    waveforms (B, 16000) ─ tagger ─▶ audible, embedding ─────────────────────────────┘

E entries of the vocabulary, roots too; K of them can be predicted.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from dsol.model.dictionary import object_shapes
from dsol.model.folding import folded
from dsol.model.general_network import SIZE, GeneralNetwork, best_cells, clues
from dsol.model.groups import Groups
from dsol.model.vocabulary import Vocabulary

WHOLE, HEAD_AND_CHEST = 0, 1  # maps of people
VOICES, ACTIONS = "Human voice", "Human action"  # roots whose categories are people
PEOPLE_CELLS = 8
WEAK_TAG = 1.0  # subtracted from the logit of a tag that other sounds have, too
LEAST_AUDIBLE = -8.0  # smallest logit
LIFT = 1.0  # a family's root ("Music") is audible: its most audible member is at most so many logits below
BORNE_OUT = 0.7  # logits that a category gains for each standard deviation in which it is visible
STRIKING, BEYOND = 4.0, 0.25  # standard deviations beyond the first count by the second: rare classes have many
BROAD = 1.0  # logits less for each level of groups below a category: "Percussion" gathers "Drum", a group itself
RIVAL = 0.6  # of what a category has less than the surest of its family, it loses this share once more
SAID = 3.0  # logits less for a category whose parent or child is surer: of "Guitar" and "Acoustic guitar" one is said
AUDIBLE = (0.7, -1.0)  # steepness, and logits at which its probability is one half
VISIBLE = (1.0, 1.5)  # steepness, and standard deviations at which its probability is one half
COUNTS = 0.6  # power with which it enters the score how likely picture and sound belong together
NEVER_SEEN = 0.15  # visibility of a category without visual classes
SHOWN = 4  # categories whose shapes make up the localisation map
DRAWN = 8  # categories that get a map: the likeliest, for a picture may show several
TIE = 1e-5  # logits by which the earlier of two equal categories is surer: torch and ONNX Runtime take the same one
SURE = 0.5  # steepness with which the surer of them weigh more
SHAPE_THRESHOLD, MAP_THRESHOLD, SHARPNESS = 0.5, 0.62, 20.0  # see `object_shapes`


class Categories:
    """The vocabulary as places: of tags, classes and families, in the order of all entries, roots too."""

    def __init__(self, words: Vocabulary):
        names, tags = list(words.entries), list(words.tags)
        entries = list(words.entries.values())
        self.answers = [k for k, entry in enumerate(entries) if entry.parent]  # indices of what can be predicted
        self.tags = [
            [tags.index(tag) + len(tags) * (tag in entry.weak) for tag in entry.audible] for entry in entries
        ]  # a second time those that are weak
        self.classes = [list(entry.visible) for entry in entries]
        self.near = [_near(name, words) for name in words.categories]
        self.root = [names.index(words.root(name)) for name in names]
        self.people = {k: WHOLE if words.root(name) == ACTIONS else HEAD_AND_CHEST
                       for k, name in enumerate(names) if words.root(name) in (VOICES, ACTIONS)}  # fmt: skip
        self.untold = [k for k in self.answers if not self.classes[k] and k not in self.people]  # by any picture
        self.broad = [BROAD * max(_levels_below(name, words) - 1, 0) for name in names]
        self.roots = sorted({self.root[k] for k in self.answers})
        self.families = [[k for k in self.answers if self.root[k] == root] for root in self.roots]
        self.family = [self.roots.index(root) for root in self.root]


def _near(category: str, words: Vocabulary) -> list[int]:
    """Places of the parent and of the children of a category among what can be predicted; its own where it has none."""
    names, parent = words.categories, words.entries[category].parent
    near = [k for k, name in enumerate(names) if name == parent or words.entries[name].parent == category]
    return near or [names.index(category)]


def _levels_below(category: str, words: Vocabulary) -> int:
    """How many levels of categories are below one."""
    children = [name for name, entry in words.entries.items() if entry.parent == category]
    return 1 + max(_levels_below(child, words) for child in children) if children else 0


class View(NamedTuple):
    """What is seen of P pictures."""

    cells: Tensor  # (P, 128, H, W), see `GeneralNetwork.see`
    entries: Tensor  # (P, E, H, W), the best class of each entry, standardised; the best of all where it has none
    anything: Tensor  # (P, H, W), the best of all classes
    people: Tensor  # (P, 2, H, W) in [0, 1]

    def take(self, rows: Tensor) -> "View":
        """Some of the pictures."""
        return View(*(part[rows] for part in self))

    def turned(self) -> "View":
        """The same, flipped left to right."""
        return View(*(part.flip(-1) for part in self))


class GeneralPrediction(NamedTuple):
    """The prediction for B pictures with their sounds; see `dsol.model.maps.Maps`."""

    area: Tensor  # (B, H, W)
    maps: Tensor  # (B, K, H, W)
    score: Tensor  # (B, K)
    heard: Tensor  # (B, K)
    seen: Tensor  # (B, K), NaN where no picture can tell


class GeneralPredictor(nn.Module):
    """Predicts with the network of `general`.

    Args:
        network: trained.
        fold: fold batch normalisation into the convolutions, which is faster, and fixes the batch in an export.

    Example:
        >>> predictor = GeneralPredictor(GeneralNetwork(vocabulary()))                  # doctest: +SKIP
        >>> predictor(torch.rand(2, 3, 320, 320), torch.randn(2, 16_000)).area.shape    # doctest: +SKIP
        torch.Size([2, 20, 20])
    """

    answers: Tensor
    roots: Tensor
    family: Tensor
    broad: Tensor
    channel: Tensor
    has_classes: Tensor
    untold: Tensor
    is_answer: Tensor

    def __init__(self, network: GeneralNetwork, fold: bool = True):
        super().__init__()
        self.network, self.places = network, (places := Categories(network.words))
        self.eye, self.size = folded(network.eye) if fold else network.eye, SIZE
        self.best_class, self.best_tag = Groups(places.classes), Groups(places.tags)
        self.best_member, self.best_near = Groups(places.families), Groups(places.near)
        told = {k: bool(mine) for k, mine in enumerate(places.classes)}
        lists = {
            "answers": places.answers,
            "roots": places.roots,
            "family": places.family,
            "broad": places.broad,
            "channel": [places.people.get(k, -1) for k in told],
            "has_classes": list(told.values()),
            "untold": [k in places.untold for k in told],
            "is_answer": [k in places.answers for k in told],
        }
        for name, values in lists.items():
            self.register_buffer(name, torch.tensor(values), persistent=False)

    def forward(self, pictures: Tensor, waveforms: Tensor, rows: Tensor | None = None) -> GeneralPrediction:
        """Predict.

        Args:
            pictures: (P, 3, S, S) in [0, 1], RGB, S = `size`.
            waveforms: (B, 16000) in [-1, 1], 16 kHz.
            rows: (B,) the picture of each sound; its own where None.
        """
        views = self.views(pictures)
        visible = torch.stack([self.visible(view) for view in views]).mean(0)
        if rows is not None:
            views, visible = [view.take(rows) for view in views], visible[rows]
        embedding = self.network.ear.embed(waveforms)
        found = self._prediction(views, self.audible_logits(embedding), visible)
        together = self.network.correspondence.together(views[0].cells, embedding)
        return found._replace(score=found.score * together.pow(COUNTS)[:, None])

    def views(self, pictures: Tensor) -> list[View]:
        """Pictures (P, 3, S, S) in [0, 1] as they are, and in a mirror, turned back."""
        cells, classes = self.network.see(torch.cat([pictures, pictures.flip(3)]), self.eye)
        anything = classes.amax(1)
        entries = torch.where(self.has_classes[:, None, None], self.best_class(classes), anything[:, None])
        both = View(cells, entries, anything, self.network.people(cells).sigmoid())
        count = pictures.shape[0]  # `len` and `chunk` would fix the batch in an export
        return [View(*(part[:count] for part in both)), View(*(part[count:] for part in both)).turned()]

    def audible_logits(self, embedding: Tensor) -> Tensor:
        """How audible each entry is, (B, E) logits, from the sound alone: embeddings (B, 1024)."""
        return self.audible_logits_of(self.network.ear.head(embedding))

    def audible_logits_of(self, tags: Tensor) -> Tensor:
        """The same, from the logits of tags (B, T)."""
        own = self.best_tag(torch.cat([tags, tags - WEAK_TAG], 1)).clamp(min=LEAST_AUDIBLE)
        short = (own[:, self.roots] - LIFT - self.best_member(own)).clamp(min=0)
        return own + self._to_members(short) - self.broad

    def visible(self, view: View) -> Tensor:
        """How visible each entry is, (P, E) standard deviations; as a mean one without visual classes."""
        best = visibility(view.entries, self.has_classes)
        found = (best - self.network.visible_mean) / self.network.visible_std
        found = torch.where(found > STRIKING, STRIKING + BEYOND * (found - STRIKING), found)
        heads = view.people[:, HEAD_AND_CHEST].flatten(1).topk(PEOPLE_CELLS, 1).values.mean(1).clamp(1e-4, 1 - 1e-4)
        return torch.where(self.channel >= 0, (heads.logit() / 1.5).clamp(-2.5, 2.5)[:, None], found)

    def ranked(self, audible: Tensor, visible: Tensor) -> tuple[Tensor, Tensor]:
        """By ear and eye together, (B, E) logits, and how far each is behind the surest of its family."""
        logits = audible + BORNE_OUT * visible
        return logits, self._to_members(self.best_member(logits)) - logits

    def said(self, borne_out: Tensor) -> Tensor:
        """The logits (B, K) of the answers, with only the surest of a category, its parent and its children as it
        was."""
        return borne_out - SAID * (self.best_near(borne_out) > borne_out)

    def _prediction(self, views: list[View], audible: Tensor, visible: Tensor) -> GeneralPrediction:
        """That of B sounds with B pictures, from how audible and how visible each entry is, (B, E)."""
        logits, behind = self.ranked(audible, visible)
        heard, seen = _likely(audible, *AUDIBLE), _likely(visible, *VISIBLE)
        score = heard * torch.where(self.untold, NEVER_SEEN, seen) * (-behind).exp()  # one sound, one name: equation 6
        seen = torch.where(self.untold, torch.nan, seen)
        borne_out = logits - RIVAL * behind
        score, seen, heard, borne_out = (part[:, self.answers] for part in (score, seen, heard, borne_out))
        surest = (borne_out - TIE * torch.arange(len(self.answers), device=score.device)).topk(DRAWN, 1).indices
        area, shapes = self._drawn(views, borne_out.gather(1, surest), self.answers[surest])
        shapes = shapes * heard.gather(1, surest)[:, :, None, None]
        maps = shapes.new_zeros(1).expand(*score.shape, *shapes.shape[2:])
        maps = maps.scatter(1, surest[:, :, None, None].expand_as(shapes), shapes)
        area = area * heard.amax(1)[:, None, None]
        return GeneralPrediction(area, maps, score, _likely(self.said(borne_out), *AUDIBLE), seen)

    def _drawn(self, views: list[View], sure: Tensor, shown: Tensor) -> tuple[Tensor, Tensor]:
        """Localisation maps (B, H, W) and shapes (B, D, H, W) of D entries (B, D) in B pictures, the surest first."""
        shapes = torch.stack([self.shapes(view, shown) for view in views]).mean(0)
        weight = (SURE * sure[:, :SHOWN]).softmax(1)
        area = (weight[:, :, None, None] * shapes[:, :SHOWN]).sum(1, keepdim=True)
        return object_shapes(area, MAP_THRESHOLD, SHARPNESS)[:, 0], object_shapes(shapes, SHAPE_THRESHOLD, SHARPNESS)

    def shapes(self, view: View, shown: Tensor) -> Tensor:
        """The shape (B, D, H, W) in [0, 1] of each of D entries (B, D) in B pictures. Entries without visual classes
        get the map of the best class of all."""
        query = _of_entries(view.entries, shown)
        found = self.network.extent(clues(view.cells, query, view.anything).flatten(0, 1)).sigmoid().view_as(query)
        channel = self.channel[shown]
        return torch.where((channel >= 0)[:, :, None, None], _of_entries(view.people, channel.clamp(min=0)), found)

    def _to_members(self, values: Tensor) -> Tensor:
        """What each family has, (B, families), for each of its members, (B, E); 0 for the roots."""
        return torch.where(self.is_answer, values[:, self.family], 0)


def visibility(entries: Tensor, has_classes: Tensor) -> Tensor:
    """The mean of the best cells of each entry's best class, (P, E); 0 for those, (E,), without classes."""
    return torch.where(has_classes, best_cells(entries), 0)


def _of_entries(maps: Tensor, which: Tensor) -> Tensor:
    """Maps (B, D, H, W) at the places (B, D) of (B, E, H, W)."""
    return maps.gather(1, which[:, :, None, None].expand(-1, -1, *maps.shape[2:]))


def _likely(values: Tensor, steepness: float, middle: float) -> Tensor:
    return (steepness * (values - middle)).sigmoid()
