"""The store: seconds of video as a folder of tar shards with an index.

OUT/shard-00000.tar ...   WebDataset-compatible: <member>.json, <member>.0.jpg ..., <member>.wav
OUT/index.parquet         one row a clip: what it is and where its bytes lie
OUT/boxes.json            annotations, where there are any
OUT/store.json            version, how it was made, what was left out and why
"""

from dsol.data.store.index import Row
from dsol.data.store.reader import Store

__all__ = ["Row", "Store"]
