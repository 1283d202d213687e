"""How well maps say what sounds where: figures, floors, intervals."""

from dsol.evaluation.matching import cluster_table, match_clusters, merge_clusters
from dsol.evaluation.metrics import nmi
from dsol.evaluation.protocols import PROTOCOLS
from dsol.evaluation.result import Evaluation
from dsol.evaluation.score import score, score_files

__all__ = [
    "PROTOCOLS", "Evaluation", "cluster_table", "match_clusters", "merge_clusters", "nmi", "score", "score_files",
]  # fmt: skip
