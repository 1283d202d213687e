"""The losses, pure functions of tensors (paper, equations 1, 7 and 8)."""

import torch
from torch import Tensor
from torch.nn import functional as F


def correspondence_loss(matched: Tensor, mismatched: Tensor) -> Tensor:
    """L1 of stage one, equation 1: binary cross-entropy of each map's global maximum.

    Args:
        matched: (B, H, W) logits of sounds with their own picture.
        mismatched: (B', H, W) logits of sounds with a picture of another video; B' may be 0.

    Example:
        >>> round(correspondence_loss(torch.zeros(2, 3, 3), torch.zeros(2, 3, 3)).item(), 4)
        0.6931
    """
    logits = torch.cat([matched, mismatched]).amax(dim=(1, 2))
    targets = torch.zeros_like(logits)
    targets[: len(matched)] = 1
    return F.binary_cross_entropy_with_logits(logits, targets)


def all_pairs_loss(best: Tensor, videos: Tensor) -> Tensor:
    """Equation 1 over every pair of a batch; pairs of one video are left out, both sides have the same weight.

    Args:
        best: (B, B) logits of sound i with picture j.
        videos: (B,) number of the video of each.
    """
    other = videos[:, None] != videos[None]
    positive = F.softplus(-best.diagonal()).mean()
    negative = F.softplus(best)[other].mean() if other.any() else best.new_zeros(())
    return (positive + negative) / 2


def contrastive_loss(cosine: Tensor, groups: Tensor, temperature: float = 0.07) -> Tensor:
    """InfoNCE in both directions; pairs of one group (a video, or a cluster) are no negatives.

    Args:
        cosine: (B, B) best cosine of sound i with picture j.
        groups: (B, G) numbers; equal numbers in any column mean one group.
    """
    same = (groups[:, None] == groups[None]).any(dim=2)
    same.fill_diagonal_(False)
    logits = (cosine / temperature).masked_fill(same, float("-inf"))
    target = torch.arange(len(cosine), device=cosine.device)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def scene_localization_loss(matched: Tensor, mismatched: Tensor) -> Tensor:
    """L1 of stage two: the true pair's maximum is 1, each quarter of the mismatched map is 0.

    Args:
        matched: (B, H, W) logits of scenes with their own sound.
        mismatched: (B', H, W) logits of sounds with another scene's picture; B' may be 0.

    Source: released code; both halves have the same weight.
    """
    hit = matched.amax(dim=(1, 2))
    positive = F.binary_cross_entropy_with_logits(hit, torch.ones_like(hit))
    if not len(mismatched):
        return positive / 2
    quarters = F.adaptive_max_pool2d(mismatched[:, None], 2)
    return (positive + F.binary_cross_entropy_with_logits(quarters, torch.zeros_like(quarters))) / 2


def matching_loss(visual: Tensor, audio: Tensor, form: str = "printed") -> Tensor:
    """Lc, equation 7: the distance of two category distributions.

    Args:
        visual: (B, K) logits of p_v, the category distribution of the sounding maps.
        audio: (B, K) logits of p_a, the teacher's category distribution of the sound; no gradient.
        form: "printed", KL(p_v‖p_a) averaged over the batch; or "released", KL(p_a‖p_v) averaged over batch and
            categories.
    """
    log_v, log_a = visual.log_softmax(1), audio.detach().log_softmax(1)
    if form == "printed":
        return (log_v.exp() * (log_v - log_a)).sum(1).mean()
    return (log_a.exp() * (log_a - log_v)).mean()


def sigmoid_matching_loss(class_maps: Tensor, audio: Tensor, temperature: float = 0.7) -> Tensor:
    """Lc of the released AudioSet variant: how much of the picture each category takes, against p_a.

    Args:
        class_maps: m (B, K, H, W), before their sigmoid.
        audio: (B, K) logits of p_a; no gradient.
        temperature: of p_a's softmax.

    Returns:
        Binary cross-entropy, averaged over batch and categories.

    Example:
        >>> round(sigmoid_matching_loss(torch.zeros(1, 2, 3, 3), torch.zeros(1, 2)).item(), 4)
        0.6931
    """
    return F.binary_cross_entropy(class_maps.sigmoid().mean((2, 3)), (audio.detach() / temperature).softmax(1))


def other_video(videos: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """For each clip of a batch, a clip of the same batch from another video: in-batch negatives.

    Where possible the result is a permutation, so that every picture serves once, as in the printed scheme.

    Args:
        videos: (B,) number of the video of each clip.
        generator: source of the choice.

    Returns:
        (M,) sounds and (M,) pictures, M ≤ B: a clip that has no other video beside it is left out.
    """
    count = len(videos)
    shuffled = torch.randperm(count, generator=generator)
    by_video = shuffled[torch.argsort(videos.cpu()[shuffled], stable=True)]
    largest = int(torch.bincount(videos.cpu() - videos.min().cpu()).max())
    # Rotating a list sorted by video by at least its largest group lands in another video, when none holds over half.
    pictures = torch.empty(count, dtype=torch.long)
    most = max(count - largest, largest)
    shift = int(torch.randint(largest, most + 1, (), generator=generator))
    pictures[by_video] = by_video.roll(-shift)
    sounds = torch.arange(count)
    valid = videos.cpu()[sounds] != videos.cpu()[pictures]
    return sounds[valid], pictures[valid]
