"""How well maps localise what sounds: figures, baselines, intervals."""

from dsol.evaluation.metrics import nmi
from dsol.evaluation.protocols import PROTOCOLS
from dsol.evaluation.result import Evaluation
from dsol.evaluation.score import score, score_files
from dsol.model.maps import merge_clusters
from dsol.naming.matching import cluster_table, match_clusters

__all__ = [
    "PROTOCOLS", "Evaluation", "cluster_table", "match_clusters", "merge_clusters", "nmi", "score", "score_files",
]  # fmt: skip
